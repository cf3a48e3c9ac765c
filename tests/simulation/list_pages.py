"""The pages of a list, and the URL of the next page.

v1 continues after an object: https://docs.stripe.com/api/pagination. A page of v2 has the URL of the next page:
https://docs.stripe.com/api-v2-overview#list-pagination. Stripe does not document its cursor. Here it is a position in
the list: a page repeats or skips objects when objects are created or deleted in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from billing_mirror.core.errors import NotFound, PermanentError
from billing_mirror.core.json_body import Json, JsonObject, text_at

LARGEST_PAGE = 100
_NO_FILTERS = ("limit", "page", "starting_after")


@dataclass(frozen=True)
class ListRequest:
    """A request for one page of a list."""

    path: str
    query: dict[str, str]

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, url: str) -> "ListRequest":
        parts = urlsplit(url)
        return cls(parts.path, dict(parse_qsl(parts.query)))

    @property
    def is_v1(self) -> bool:
        return self.path.startswith("/v1/")

    @property
    def is_later_page(self) -> bool:
        return not self.query.keys().isdisjoint(("page", "starting_after"))

    @property
    def filters(self) -> dict[str, str]:
        return {
            name: text
            for name, text in self.query.items()
            if name not in _NO_FILTERS and not name.startswith(("include[", "expand["))
        }

    @property
    def on_request(self) -> set[str]:
        """The members that Stripe shows on request only and that this request includes."""
        return {
            text.removeprefix("data.") for name, text in self.query.items() if name.startswith(("include[", "expand["))
        }

    def list_values(self, name: str) -> list[str]:
        """The elements of a list: ``types[0]=a&types[1]=b``."""
        return [text for key, text in self.query.items() if key.startswith(f"{name}[")]

    def page(self, found: Sequence[JsonObject], size: int) -> JsonObject:
        """A page of at most ``size`` objects, or of ``limit`` if that is less."""
        size = min(size, self._limit())
        return self._page_of_v1(found, size) if self.is_v1 else self._page_of_v2(found, size)

    def _limit(self) -> int:
        limit = int(self.query.get("limit", "10" if self.is_v1 else "20"))
        if not 1 <= limit <= LARGEST_PAGE:
            raise PermanentError("Stripe answered 400")
        return limit

    def _page_of_v1(self, found: Sequence[JsonObject], size: int) -> JsonObject:
        start = 0
        after = self.query.get("starting_after")
        if after is not None:
            positions = [index for index, body in enumerate(found) if body["id"] == after]
            if not positions:
                raise NotFound("Stripe answered 400 resource_missing")
            start = positions[0] + 1
        shown = found[start : start + size]
        return {"object": "list", "url": self.path, "data": [*shown], "has_more": start + size < len(found)}

    def _page_of_v2(self, found: Sequence[JsonObject], size: int) -> JsonObject:
        start = int(self.query.get("page", "0"))
        end = start + size
        following = f"{self.path}?{urlencode({**self.query, 'page': str(end)})}" if end < len(found) else None
        return {"data": [*found[start:end]], "next_page_url": following, "previous_page_url": None}


def matches(body: JsonObject, name: str, wanted: str) -> bool:
    """Whether a filter lets a body into its list."""
    if name.startswith("created["):
        at, bound = seconds(body.get("created")), seconds(wanted)
        return {"gt": at > bound, "gte": at >= bound, "lt": at < bound, "lte": at <= bound}[name[8:-1]]
    value = body.get(name)
    if isinstance(value, dict):
        value = text_at(value, "id")
    if isinstance(value, bool):
        value = str(value).lower()
    return value == wanted or (name, wanted) == ("status", "all")


def seconds(moment: Json) -> float:
    """Of a time in v1's writing, or in v2's."""
    text = str(moment)
    if text.isdecimal():
        return float(text)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
