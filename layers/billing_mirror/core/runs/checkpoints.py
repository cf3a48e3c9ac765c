"""Where each kind of run resumes. A checkpoint is small enough to be stored after every page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from ..json_body import JsonObject
from ..table.items import Value


class IndexPosition(NamedTuple):
    """An object in the order of the mirror's index: when it was created (ISO 8601, UTC), and its id.

    The walk over the index resumes after it. The default is the position before all objects.
    """

    created: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The next page of a list: its URL, empty for the first page, and the id at which the list started."""

    url: str = ""
    first_id: str = ""
    missing_fields: tuple[str, ...] = ()
    """Fields that Stripe refused to show on the page before: the URL of the next one may not name them."""


FIRST_PAGE = PagePosition()
INDEX_START = IndexPosition()


@dataclass(frozen=True, slots=True)
class ListPart:
    """A part of a list, by when its objects were created (seconds since 1970; 0 is no bound), and its next page."""

    since: int = 0
    """The first second that belongs to it."""
    until: int = 0
    """The first second that no longer does."""
    page: PagePosition = FIRST_PAGE
    pages: int = 0
    """Pages that were read of it."""
    newest: int = 0
    """When the newest object on its first page was created."""

    def to_item(self) -> JsonObject:
        bounds: JsonObject = {"since": self.since, "until": self.until, "pages": self.pages, "newest": self.newest}
        return {**bounds, **_page_to_item(self.page)}

    @classmethod
    def from_item(cls, value: Value) -> Self:
        """Reads what :meth:`to_item` has written."""
        item = _mapping(value)
        since, until, pages, newest = (_number(item, name) for name in ("since", "until", "pages", "newest"))
        return cls(since, until, _page_from_item(item), pages, newest)


@dataclass(frozen=True, slots=True)
class ListCheckpoint:
    """Where a verify or backfill run resumes.

    ``listing`` is the number of the type's listing, ``filter`` the number of one of its filters for hidden objects (0
    is the plain list). ``filters_shown`` are the filters whose objects another list has shown: their lists are skipped.
    A long list of the account is read in ``parts`` at the same time; without any, ``page`` is next.
    Where each owner has a list, ``owner`` is the last owner whose list was read. When ``lists_read``, all lists were
    read, and ``unlisted`` is the last mirrored object that was searched for in them.
    """

    listing: int = 0
    filter: int = 0
    page: PagePosition = FIRST_PAGE
    parts: tuple[ListPart, ...] = ()
    filters_shown: tuple[int, ...] = ()
    owner: IndexPosition = INDEX_START
    lists_read: bool = False
    counted: IndexPosition = INDEX_START
    known: int = 0
    unlisted_count: int = 0
    all_counted: bool = False
    unlisted: IndexPosition = INDEX_START

    def to_item(self) -> JsonObject:
        return {
            "listing": self.listing,
            "filter": self.filter,
            **_page_to_item(self.page),
            "parts": [part.to_item() for part in self.parts],
            "filters_shown": [*self.filters_shown],
            **_index_to_item("owner", self.owner),
            "lists_read": self.lists_read,
            **_index_to_item("counted", self.counted),
            "known": self.known,
            "unlisted_count": self.unlisted_count,
            "all_counted": self.all_counted,
            **_index_to_item("unlisted", self.unlisted),
        }

    @classmethod
    def from_item(cls, value: Value) -> Self:
        """Reads what :meth:`to_item` has written; the beginning where nothing is stored."""
        item = _mapping(value)
        shown, parts = item.get("filters_shown"), item.get("parts")
        return cls(
            listing=_number(item, "listing"),
            filter=_number(item, "filter"),
            page=_page_from_item(item),
            parts=tuple(ListPart.from_item(part) for part in parts) if isinstance(parts, list) else (),
            filters_shown=tuple(one for one in shown if isinstance(one, int)) if isinstance(shown, list) else (),
            owner=_index_from_item(item, "owner"),
            lists_read=item.get("lists_read") is True,
            counted=_index_from_item(item, "counted"),
            known=_number(item, "known"),
            unlisted_count=_number(item, "unlisted_count"),
            all_counted=item.get("all_counted") is True,
            unlisted=_index_from_item(item, "unlisted"),
        )


@dataclass(frozen=True, slots=True)
class UsageCheckpoint:
    """Where a usage run resumes.

    ``slice`` is the number of a slice of the subscriptions, ``last_subscription`` the last one in it whose pairs are
    recorded. When ``pairs_recorded``, all slices were read, and ``pair`` is the sort key of the last pair that was
    swept.
    """

    slice: int = 0
    last_subscription: IndexPosition = INDEX_START
    pairs_recorded: bool = False
    pair: str = ""

    def to_item(self) -> JsonObject:
        return {
            "slice": self.slice,
            **_index_to_item("last_subscription", self.last_subscription),
            "pairs_recorded": self.pairs_recorded,
            "pair": self.pair,
        }

    @classmethod
    def from_item(cls, value: Value) -> Self:
        """Reads what :meth:`to_item` has written; the beginning where nothing is stored."""
        item = _mapping(value)
        return cls(
            slice=_number(item, "slice"),
            last_subscription=_index_from_item(item, "last_subscription"),
            pairs_recorded=item.get("pairs_recorded") is True,
            pair=_text(item, "pair"),
        )


@dataclass(frozen=True, slots=True)
class EventsCheckpoint:
    """Where a recover run resumes: a page of the events of one window of time (ISO 8601, UTC).

    All lost events between the run's first window and ``window_start`` are queued.
    ``window_end`` is empty until the window's first page was read.
    """

    window_start: str = ""
    window_end: str = ""
    page: PagePosition = FIRST_PAGE

    def to_item(self) -> JsonObject:
        return {"window_start": self.window_start, "window_end": self.window_end, **_page_to_item(self.page)}

    @classmethod
    def from_item(cls, value: Value) -> Self:
        """Reads what :meth:`to_item` has written; the beginning where nothing is stored."""
        item = _mapping(value)
        return cls(_text(item, "window_start"), _text(item, "window_end"), _page_from_item(item))


def _page_to_item(page: PagePosition) -> JsonObject:
    return {"url": page.url, "first_id": page.first_id, "missing_fields": [*page.missing_fields]}


def _page_from_item(item: Mapping[str, Value]) -> PagePosition:
    missing = item.get("missing_fields")
    names = tuple(str(name) for name in missing) if isinstance(missing, list) else ()
    return PagePosition(_text(item, "url"), _text(item, "first_id"), names)


def _index_to_item(name: str, position: IndexPosition) -> JsonObject:
    return {f"{name}_created": position.created, f"{name}_id": position.id}


def _index_from_item(item: Mapping[str, Value], name: str) -> IndexPosition:
    return IndexPosition(_text(item, f"{name}_created"), _text(item, f"{name}_id"))


def _mapping(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


def _number(item: Mapping[str, Value], name: str) -> int:
    number = item.get(name)
    return number if isinstance(number, int) else 0


def _text(item: Mapping[str, Value], name: str) -> str:
    return str(item.get(name, ""))
