"""What objects were: their former states, and the changes that have ended them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..adapters.table.attributes import to_attributes
from ..core import times
from ..core.changes.as_of import StateAt, Unknown, state_at, states
from ..core.changes.history import PREFIX, Entry, PastChange, sort_key
from ..core.table.items import OBJECT, Item
from ..core.table.left import left_customer, left_type
from .errors import ReaderError, UnknownPast
from .objects import MirroredObject, object_in
from .results import MAX_PAGE, Page, to_cursor
from .table import ScopedTable


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an object, and the state that it has ended. Moments are in ISO 8601, UTC.

    ``kind`` is ``created``, ``updated``, ``removed`` or ``restored``. ``at`` is when Stripe created the event
    ``event_id`` where one ``announced`` the change, and otherwise when the fetch started that showed it. ``former`` is
    the state before: None before the mirror held the object, and where its body took several items of the table. That
    state is known since ``former_since``. ``gap``: changes between this one and the one before it may be missing.
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
    """An object as it was. ``object`` is None where Stripe had not created it.

    Where an object does not say when it was created, None means that the mirror did not hold it yet. The state is known
    from ``since`` (ISO 8601, UTC) on. ``ended_by`` is the change that has ended it; None for the present state.
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

    def changes(self, partition: str, limit: int, cursor: str | None) -> Page[Change]:
        """A page of the changes of an object, newest first."""
        found = [*islice(_changes(states(self._entries(partition, cursor), None)), limit)]
        is_full = len(found) == limit
        return Page(
            found, to_cursor(to_attributes({"pk": partition, "sk": sort_key(found[-1].token)})) if is_full else None
        )

    def state_at(self, partition: str, moment: str) -> StateAt:
        """Raises :class:`UnknownPast` where the history does not know it."""
        present = self._table.items([partition], OBJECT, consistent=True).get(partition)
        found = state_at(moment, self._entries(partition), present)
        name = partition.partition("#")[2]
        if isinstance(found, Unknown):
            raise UnknownPast(f"what {name} was at {moment} is unknown: {_reason(found, present)}")
        if found.ended_by is not None and found.item is not None and not _is_whole(found.item):
            raise UnknownPast(f"the history does not hold what {name} was at {moment}: it was too large, or was erased")
        return found

    def partitions_of_customer(self, customer: str) -> list[str]:
        """The partition keys of all objects that the customer has, or had within the history."""
        indexed = self._table.keys_indexed("by-customer", customer=customer)
        return [*dict.fromkeys([*indexed, *self._left(left_customer(customer))])]

    def partitions_of_type(self, type_name: str) -> Iterator[str]:
        """The partition keys of all objects of a type that exist, or did within the history."""
        left = [*dict.fromkeys(self._left(left_type(type_name)))]
        for partition in self._table.keys_indexed("by-type", type=type_name):
            if partition not in left:
                yield partition
        yield from left

    def whole(self, found: StateAt) -> MirroredObject | None:
        """The object of a state."""
        if found.item is None:
            return None
        if found.ended_by is None:
            return self._table.whole(found.item)
        return object_in(found.item)

    def _entries(self, partition: str, cursor: str | None = None) -> Iterator[Entry]:
        """Newest first. One that was emptied, or that a hand has damaged, is missing."""
        while True:
            items, cursor = self._table.beside(partition, PREFIX, MAX_PAGE, cursor, consistent=True)
            yield from filter(None, map(Entry.from_item, items))
            if cursor is None:
                return

    def _left(self, partition: str) -> Iterator[str]:
        cursor: str | None = None
        while True:
            items, cursor = self._table.entries(partition, "", MAX_PAGE, cursor)
            yield from (str(item["key"]) for item in items if "key" in item)
            if cursor is None:
                return


def change_in(change: PastChange, state: StateAt) -> Change:
    """The change that has ended a state."""
    return Change(
        token=change.write.token,
        kind=str(change.kind),
        at=change.at,
        announced=change.announced,
        event_id=change.event_id,
        fetched_at=change.write.fetched_at,
        former=object_in(state.item) if state.item is not None and _is_whole(state.item) else None,
        former_since=state.since or change.at,
        gap=state.gap,
    )


def _changes(found: Iterable[StateAt]) -> Iterator[Change]:
    return (change_in(state.ended_by, state) for state in found if state.ended_by is not None)


def _reason(unknown: Unknown, present: Item | None) -> str:
    if unknown.since is not None:
        return f"the history knows it since {unknown.since}"
    return "the mirror does not hold it" if present is None else "a hand has changed what the mirror holds of it"


def _is_whole(former: Item) -> bool:
    """Whether an entry holds the body. Of a removed object none is needed."""
    return "data" in former or former.get("deleted") is True
