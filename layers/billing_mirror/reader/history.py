"""What objects were: their former states, and the changes that have ended them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..adapters.table.attributes import from_attributes, to_attributes
from ..core import times
from ..core.changes.as_of import StateAt, Unknown, state_at, states
from ..core.changes.history import PREFIX, Entry, PastChange, sort_key
from ..core.table.items import OBJECT, Item
from ..core.table.left import left_customer, left_type
from .errors import ReaderError, UnknownPast
from .objects import MirroredObject, object_in
from .results import MAX_PAGE, Page, from_cursor, to_cursor
from .table import ScopedTable


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an object, and the state that it has ended. Moments are in ISO 8601, UTC.

    ``kind`` is ``created``, ``updated``, ``removed`` or ``restored``. ``at`` is when Stripe created the event
    ``event_id`` where one ``announced`` the change, and otherwise when the fetch started that showed it. ``former`` is
    the state before: None before the mirror held the object, and where its body took several items of the table. That
    state is known since ``former_since``. That is empty where no time is known: of ``created``, and where the state was
    edited outside Billing Mirror, so that some of what differs is no change of Stripe's.

    ``gap``: changes between this one and the one before it may be missing. ``gap_after``: changes after this one may be
    missing, also where no later one is kept.
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
    gap_after: bool


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
    """The objects of a customer as they were, each with the change that has ended that state.

    ``unknown`` says by id of which the history does not know it, and why.
    """

    objects: list[PastObject]
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
        """A page of the changes of an object, newest first.

        The first page starts at the present item, and each other one at the last change of the page before it: both
        show whether anything is missing after the first change.
        """
        present = self._present(partition) if cursor is None else None
        found = (
            change_in(one.ended_by, one)
            for one in states(self._entries(partition, cursor), present)
            if one.ended_by is not None
        )
        start = str(from_attributes(from_cursor(cursor))["sk"]) if cursor is not None else None
        new = (one for one in found if start is None or _start_after(one) < start)
        changes = [*islice(new, limit)]
        is_full = len(changes) == limit
        key = {"pk": partition, "sk": _start_after(changes[-1])} if is_full else None
        return Page(changes, to_cursor(to_attributes(key)) if key is not None else None)

    def state_at(self, partition: str, moment: str) -> StateAt:
        """Raises :class:`UnknownPast` where the history does not know it."""
        present = self._present(partition)
        found = state_at(moment, self._entries(partition), present)
        name = partition.partition("#")[2]
        if isinstance(found, Unknown):
            raise UnknownPast(f"what {name} was at {moment} is unknown: {_reason(found, present)}")
        if found.ended_by is not None and found.item is not None and not _is_whole(found.item):
            raise UnknownPast(f"the history does not hold what {name} was at {moment}: it was too large")
        return found

    def partitions_of_customer(self, customer: str) -> list[str]:
        """The partition keys of all objects that the customer has, or has had since it is mirrored."""
        indexed = self._table.keys_indexed("by-customer", customer=customer)
        return [*dict.fromkeys([*indexed, *self._left(left_customer(customer))])]

    def partitions_of_type(self, type_name: str) -> Iterator[str]:
        """The partition keys of all objects of a type that exist, or have since the type is mirrored."""
        left = dict.fromkeys(self._left(left_type(type_name)))  # notes stay for ever: there may be many
        for partition in self._table.keys_indexed("by-type", type=type_name):
            if partition not in left:
                yield partition
        yield from left

    def object_at(self, partition: str, moment: str) -> PastObject:
        """As :meth:`state_at`, with the whole object."""
        found = self.state_at(partition, moment)
        ended_by = change_in(found.ended_by, found) if found.ended_by is not None else None
        return PastObject(self._whole(found), found.since or "", ended_by)

    def _whole(self, found: StateAt) -> MirroredObject | None:
        if found.item is None:
            return None
        if found.ended_by is None:
            return self._table.whole(found.item)
        return object_in(found.item)

    def _present(self, partition: str) -> Item | None:
        """The object's item. Read it before the entries: what is written in between is left out then."""
        return self._table.items([partition], OBJECT, consistent=True).get(partition)

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
        former_since=(state.since or "") if state.item is not None else "",
        gap=state.gap,
        gap_after=state.gap_after,
    )


def _start_after(last: Change) -> str:
    """The sort key from which the page after this change is read, without it: the change's own entry is read again."""
    return sort_key(last.token + 1)


def _reason(unknown: Unknown, present: Item | None) -> str:
    if unknown.since is not None:
        return f"the next moment at which it is known is {unknown.since}"
    return "the mirror does not hold it" if present is None else "it was edited outside Billing Mirror"


def _is_whole(former: Item) -> bool:
    """Whether an entry holds the body. Of a removed object none is needed."""
    return "data" in former or former.get("deleted") is True
