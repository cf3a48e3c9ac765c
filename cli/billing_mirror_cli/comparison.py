"""Two bodies of one object, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from billing_mirror.core.json_body import Json, canonical


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A value that differs. None stands for a member that is missing, which Stripe writes as null too."""

    path: str
    mirror: Json
    stripe: Json


def compare(mirror: Json, stripe: Json, path: str = "") -> Iterator[FieldDifference]:
    """The smallest parts that differ, in the order of their paths (``items.data[0].quantity``)."""
    if canonical(mirror) == canonical(stripe):
        return
    if isinstance(mirror, dict) and isinstance(stripe, dict):
        for name in sorted(mirror.keys() | stripe.keys()):
            yield from compare(mirror.get(name), stripe.get(name), f"{path}.{name}" if path else name)
    elif isinstance(mirror, list) and isinstance(stripe, list):
        elements = enumerate(zip_longest(mirror, stripe))
        differing = [found for number, pair in elements for found in compare(*pair, f"{path}[{number}]")]
        # Where one list is longer by nulls, no element differs.
        yield from differing or [FieldDifference(path, mirror, stripe)]
    else:
        yield FieldDifference(path, mirror, stripe)
