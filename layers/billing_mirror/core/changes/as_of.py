"""What an object was: its states, each with the time for which it is known for certain."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .. import times
from ..table.items import Item
from ..table.stored import StoredObject
from .change import ChangeKind, is_live, shows_its_digest, state_digest
from .history import Entry, PastChange, Write, write_of

ALWAYS = times.UNKNOWN
"""Since when an object that Stripe has created was not there: before the times of all that Stripe has."""

CHANGED_BY_HAND = ""
"""Stands for the digest of a state whose body is another one than its item's digest names."""


@dataclass(frozen=True, slots=True)
class StateAt:
    """A state of an object. Moments are in ISO 8601, UTC.

    ``item`` is None where Stripe did not have the object, or the mirror not yet. The state is known from ``since`` on,
    and before ``until``: at no moment where ``since`` is None, and up to now where ``until`` is None. ``ended_by`` is
    the change that has ended it; None for the present state. ``gap``: the history has older writes, but lacks the last
    ones before this state. ``gap_after``: it lacks the first ones after ``ended_by``.
    """

    item: Item | None
    since: str | None
    until: str | None
    ended_by: PastChange | None
    gap: bool
    gap_after: bool = False

    def is_known_at(self, moment: str) -> bool:
        return self.since is not None and self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The history does not know what an object was at a moment. The next that it knows is ``since`` then, if any."""

    since: str | None


def state_at(moment: str, entries: Iterable[Entry], present: Item | None) -> StateAt | Unknown:
    """The state after the last change that happened at or before the moment, in the order of tokens.

    ``entries`` are those of the object, newest first; no more of them are read than needed.
    """
    since: str | None = None
    for state in states(entries, present):
        if state.ended_by is not None and state.ended_by.at <= moment:
            break
        if state.is_known_at(moment):
            return state
        if state.since is not None and state.since > moment and state.is_known_at(state.since):
            since = state.since
    return Unknown(since)


def states(entries: Iterable[Entry], present: Item | None) -> Iterator[StateAt]:
    """All states, newest first: a walk from the present item down the writes that each entry has replaced."""
    walk = _Walk(present, _write_of(present))
    newest = walk.write
    for entry in entries:
        if newest is not None and entry.write.token > newest.token:
            continue  # written after the present item was read
        walk.meet(entry)
        if entry.change is not None:
            yield walk.state(made_at=None if walk.gap else entry.change.at)
            walk = _Walk(entry.change.former, entry.replaced, entry.change, gap_after=walk.gap)
    yield walk.state(made_at=None)


class _Walk:
    """One state on the way, and the oldest write that is known to have stored it: its entry is the next one.

    An entry of another write shows that some between them are not read yet, or lost, or have expired. So the state is
    known since the fetch of that write, and no longer: from there on, nothing else was in the item.
    """

    def __init__(
        self, item: Item | None, write: Write | None, ended_by: PastChange | None = None, *, gap_after: bool = False
    ) -> None:
        self.write = write
        self.gap = False
        self._gap_after = gap_after
        self._item = item
        self._ended_by = ended_by
        self._digest = _digest_of(item) if item is not None else None
        self._is_as_stored = self._digest != CHANGED_BY_HAND

    def meet(self, entry: Entry) -> None:
        """The next older entry."""
        self.gap = self.gap or entry.write != self.write
        if self.gap:
            return
        self._is_as_stored &= self._digest in (None, entry.state)
        if entry.change is None:
            self.write = entry.replaced

    def state(self, made_at: str | None) -> StateAt:
        """The state, since the change that has made it, where that is known."""
        if self._item is None:
            return self._absence()
        fetched_at = self.write.fetched_at if self.write is not None else None
        since = (made_at or fetched_at) if self._is_as_stored else None
        until = self._ended_by.at if self._ended_by else None
        return StateAt(self._item, since, until, self._ended_by, self.gap, self._gap_after)

    def _absence(self) -> StateAt:
        """Before its creation by Stripe. From then until the mirror held it, the object's state is not known.

        Where there are older entries, a hand has deleted the item.
        """
        ended_by = self._ended_by
        if ended_by is None:
            return StateAt(None, None, None, None, self.gap)
        is_known = ended_by.kind is ChangeKind.CREATED and not self.gap
        until = min(ended_by.created_at or ended_by.at, ended_by.at)
        return StateAt(None, ALWAYS if is_known else None, until, ended_by, self.gap, self._gap_after)


def _write_of(present: Item | None) -> Write | None:
    return write_of(present) if present is not None and "fetched_at" in present else None


def _digest_of(item: Item) -> str:
    """The digest of an item's state."""
    body = item.get("data")
    stored = StoredObject(item, body if isinstance(body, dict) else None)
    is_changed = is_live(stored) and stored.body is not None and not shows_its_digest(stored)
    return CHANGED_BY_HAND if is_changed else state_digest(stored)
