"""Which objects are on a page, and how does a client request the next page?

v2: opaque tokens inside relative URLs (docs.stripe.com/api-v2-overview).
v1: ids (docs.stripe.com/api/pagination).
"""

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from dev.fake_stripe.types.object_types import Body

from .protocol import ApiError, Request

T = TypeVar("T")
Positioned = tuple[int, T]
"""Position in the order of creation, and the item."""
LARGEST_PAGE = 100


@dataclass(frozen=True)
class Token:
    """A page's start: the objects older than a position, or those newer."""

    position: int
    older: bool
    filters: str

    def text(self) -> str:
        content = json.dumps([self.position, self.older, self.filters]).encode()
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    @classmethod
    def of(cls, text: str, filters: str) -> "Token":
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            position, older, expected = json.loads(content)
        except ValueError:
            raise ApiError(400, "The page token is not valid.", code="invalid_page_token", param="page") from None
        if expected != filters:
            message = "The filters of a list cannot change between its pages."
            raise ApiError(400, message, code="invalid_page_token", param="page")
        return cls(position, older, filters)


def limit_of(request: Request, default: int) -> int:
    text = request.params.texts.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        message = f"limit must be between 1 and {LARGEST_PAGE}."
        raise ApiError(400, message, code="invalid_parameter", param="limit")
    return int(text)


def page_v2(request: Request, found: Sequence[Positioned[T]], size: int, show: Callable[[T], Body]) -> Body:
    """A page of `found`, which is sorted newest first."""
    limit = limit_of(request, size)
    query = parse_qsl(request.query, keep_blank_values=True)
    filters = urlencode(sorted((name, value) for name, value in query if name not in ("page", "limit")))
    text = request.params.texts.get("page")
    token = Token.of(text, filters) if text else None
    chosen = _chosen(found, token, limit)

    def url(position: int, *, older: bool) -> str:
        kept = [(name, value) for name, value in query if name != "page"]
        return f"{request.path}?{urlencode([*kept, ('page', Token(position, older, filters).text())])}"

    first, last = (chosen[0][0], chosen[-1][0]) if chosen else (-1, -1)
    has_older = bool(chosen) and found[-1][0] < last
    has_newer = bool(chosen) and token is not None and found[0][0] > first
    return {
        "data": [show(item) for _, item in chosen],
        "next_page_url": url(last, older=True) if has_older else None,
        "previous_page_url": url(first, older=False) if has_newer else None,
    }


def _chosen(found: Sequence[Positioned[T]], token: Token | None, limit: int) -> Sequence[Positioned[T]]:
    if token is None:
        return found[:limit]
    # Binary search: a sequence may create its entries only when they are read.
    if token.older:
        first = bisect_right(found, -token.position, key=_age)
        return found[first : first + limit]
    end = bisect_left(found, -token.position, key=_age)
    return found[max(0, end - limit) : end]


def _age(item: Positioned[T]) -> int:
    return -item[0]


def page_v1(request: Request, found: Sequence[Positioned[Body]], show: Callable[[Body], Body]) -> Body:
    limit = limit_of(request, 10)
    texts = request.params.texts
    after, before = texts.get("starting_after"), texts.get("ending_before")
    if after and before:
        raise ApiError(400, "starting_after and ending_before exclude each other.", param="ending_before")
    rest: Sequence[Positioned[Body]] = found
    if after:
        rest = found[_index(found, after, "starting_after") + 1 :]
    if before:
        rest = found[: _index(found, before, "ending_before")]
    chosen = rest[-limit:] if before else rest[:limit]
    data = [show(body) for _, body in chosen]
    return {"object": "list", "url": request.path, "has_more": len(rest) > limit, "data": data}


def _index(found: Sequence[Positioned[Body]], identifier: str, param: str) -> int:
    for index, (_, body) in enumerate(found):
        if body["id"] == identifier:
            return index
    raise ApiError(400, f"No such object: '{identifier}'", code="resource_missing", param=param)
