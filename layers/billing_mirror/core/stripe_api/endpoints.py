"""Which of Stripe's endpoints a request goes to: Stripe limits each of them on its own.

An endpoint is a named operation, such as ``GET /v1/customers/{id}`` for all customers.
https://docs.stripe.com/rate-limits
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import TypeAlias

from ..catalog import TYPES, ObjectType

ID = "{id}"
_EVENTS = ("/v2/core/events", "/v2/core/events/{id}")
_PLACEHOLDER = re.compile(r"\{\w+\}")
_WORD = re.compile(r"[a-z_]+|v[12]")
"""How a segment is written that is no id. Stripe's ids have digits or capitals."""

Segments: TypeAlias = tuple[str, ...]


def endpoint(path: str) -> str:
    """The endpoint of a path, which may have a query."""
    segments = tuple(path.partition("?")[0].split("/"))
    shapes = [shape for shape in _shapes().get(len(segments), ()) if _fits(shape, segments)]
    if shapes:
        plainest = min(shapes, key=_placeholders)
        return "/".join(plainest)
    return "/".join(one if not one or _WORD.fullmatch(one) else ID for one in segments)


def _fits(shape: Segments, segments: Segments) -> bool:
    return all(one in (ID, other) for one, other in zip(shape, segments, strict=True))


def _placeholders(shape: Segments) -> int:
    return shape.count(ID)


@cache
def _shapes() -> dict[int, tuple[Segments, ...]]:
    """The shapes of all paths that the catalog knows, by their number of segments: users choose some ids."""
    found = {tuple(_PLACEHOLDER.sub(ID, url).split("/")) for url in (*_EVENTS, *_urls(TYPES.values()))}
    return {length: tuple(one for one in found if len(one) == length) for length in {len(one) for one in found}}


def _urls(object_types: Iterable[ObjectType]) -> Iterable[str]:
    for object_type in object_types:
        yield object_type.retrieve
        yield from (listing.url for listing in object_type.listings)
        yield from (sublist.url for sublist in object_type.sublists)
