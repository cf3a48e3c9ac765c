"""Where a list of Stripe's and the mirror differ: suspicions, until a fetch confirms them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from . import body as bodies
from .body import JsonObject
from .known import Head


class Difference(StrEnum):
    """How an object differs."""

    MISSING = "missing"
    """Stripe lists it, the mirror has never seen it or holds it for gone."""
    DIFFERENT = "different"
    """Both have it, and its bodies differ."""
    NOT_LISTED = "not_listed"
    """The mirror has it alive, and no list of Stripe's shows it."""


def compare(listed: Iterable[JsonObject], heads: Mapping[str, Head]) -> dict[str, Difference]:
    """The differences of one page, by id."""
    found = {}
    for entry in listed:
        identifier = bodies.text_at(entry, "id")
        if identifier is None:
            continue
        head = heads.get(identifier)
        if entry.get("deleted") is True and head is not None and head.deleted:
            continue
        if head is None or head.deleted:
            found[identifier] = Difference.MISSING
        elif head.digest != bodies.digest(entry):
            found[identifier] = Difference.DIFFERENT
    return found
