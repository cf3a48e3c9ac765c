"""What objects were: their former states, and the changes that have ended them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..core import times
from ..core.changes.as_of import StateAt, state_at
from ..core.changes.history import PARTITION, PREFIX, Coverage, Entry, left_customer_of, left_type
from ..core.table.items import OBJECT, Item
from .errors import ReaderError, UnknownPast
from .objects import MirroredObject, object_in
from .results import MAX_PAGE, Page
from .table import ScopedTable

NO_HISTORY = "the stack keeps no history: HistoryDays is 0, or no object has changed since it was set"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an object, and the state that it has ended. Moments are in ISO 8601, UTC.

    ``kind`` is ``created``, ``updated``, ``removed`` or ``restored``. ``at`` is when Stripe created the event
    ``event_id`` where one ``announced`` the change, and otherwise when the fetch started that showed it. ``former`` is
    the state before: None before the mirror held the object, and where its body took several items of the table. That
    state is known since ``former_since``. ``gap``: at least one change before this one is missing.
    """

    token: int
    kind: str
    at: str
    announced: bool
    event_id: str
    fetched_at: str
    former: MirroredObject | None
    former_since: str
    gap: bool


@dataclass(frozen=True, slots=True)
class PastObject:
    """An object as it was. ``object`` is None where Stripe did not have it, or the mirror not yet.

    The state is known from ``since`` (ISO 8601, UTC) on. ``ended_by`` is the change that has ended it; None for the
    present state.
    """

    object: MirroredObject | None
    since: str
    ended_by: Change | None


@dataclass(frozen=True, slots=True)
class PastCustomer:
    """The objects of a customer as they were. ``unknown`` says of which the history does not know it, and why."""

    objects: list[MirroredObject]
    unknown: dict[str, str]


class PastStates:
    """The history in one scope of the table."""

    def __init__(self, table: ScopedTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def moment(self, given: datetime) -> str:
        """A moment as the table writes it. Raises :class:`ReaderError` without a time zone, and for the future."""
        if given.tzinfo is None:
            raise ReaderError("the moment has no time zone, as in datetime(2026, 11, 1, tzinfo=UTC)")
        if given.timestamp() > self._now():
            raise ReaderError("the moment is in the future")
        return times.iso(given.timestamp())

    def coverage(self) -> Coverage:
        """What is noted of the newest stream. Raises :class:`ReaderError` where there is no history."""
        items, _ = self._table.entries(PARTITION, "", 1, None)
        if not items:
            raise ReaderError(NO_HISTORY)
        return Coverage.from_item(str(items[0]["sk"]), items[0])

    def changes(self, partition: str, limit: int, cursor: str | None) -> Page[Change]:
        """A page of the changes of an object, newest first."""
        items, following = self._table.beside(partition, PREFIX, limit, cursor)
        found = (Entry.from_item(item) for item in items)
        return Page([change_in(entry) for entry in found if entry is not None], following)

    def state_at(self, partition: str, moment: str) -> StateAt:
        """Raises :class:`UnknownPast` where the history does not know it."""
        present = self._table.items([partition], OBJECT, consistent=True).get(partition)
        found = state_at(moment, self._entries(partition), present, self.coverage(), now=self._now())
        name = partition.partition("#")[2]
        if found.since > moment:
            raise UnknownPast(f"what {name} was at {moment} is unknown: the history knows it since {found.since}")
        if found.ended_by is not None and found.item is not None and not _is_whole(found.item):
            raise UnknownPast(f"the history does not hold what {name} was at {moment}: it was too large, or was erased")
        return found

    def partitions_of_customer(self, customer: str) -> list[str]:
        """The partition keys of all objects that the customer has, or had within the history."""
        indexed = self._table.keys_indexed("by-customer", customer=customer)
        return [*dict.fromkeys([*indexed, *self._left(left_customer_of(customer))])]

    def partitions_of_type(self, type_name: str) -> Iterator[str]:
        """The partition keys of all objects of a type that exist, or did within the history."""
        left = [*dict.fromkeys(self._left(left_type(type_name)))]
        for partition in self._table.keys_indexed("by-type", type=type_name):
            if partition not in left:
                yield partition
        yield from left

    def whole(self, partition: str, found: StateAt) -> MirroredObject | None:
        """The object of a state."""
        if found.item is None:
            return None
        if found.ended_by is None:
            return next(iter(self._table.objects([partition], consistent=True)), None)
        return object_in(found.item)

    def _entries(self, partition: str) -> Iterator[Entry]:
        """Those that were not emptied, newest first."""
        cursor: str | None = None
        while True:
            items, cursor = self._table.beside(partition, PREFIX, MAX_PAGE, cursor, consistent=True)
            yield from filter(None, map(Entry.from_item, items))
            if cursor is None:
                return

    def _left(self, partition: str) -> Iterator[str]:
        cursor: str | None = None
        while True:
            items, cursor = self._table.entries(partition, "", MAX_PAGE, cursor)
            yield from (str(item["key"]) for item in items)
            if cursor is None:
                return


def change_in(entry: Entry) -> Change:
    """The change that an entry records."""
    return Change(
        token=entry.token,
        kind=str(entry.kind),
        at=entry.at,
        announced=entry.announced,
        event_id=entry.event_id,
        fetched_at=entry.fetched_at,
        former=object_in(entry.former) if entry.former is not None and _is_whole(entry.former) else None,
        former_since=entry.former_since,
        gap=entry.gap,
    )


def _is_whole(former: Item) -> bool:
    """Whether an entry holds the body. Of a removed object none is needed."""
    return "data" in former or former.get("deleted") is True
