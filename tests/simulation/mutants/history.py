"""Mutants of the history. No schedule asks what was; tests/simulation/past.py does, so they are tried there."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from billing_mirror.core import times
from billing_mirror.core.changes.as_of import StateAt, Unknown, _digest_of, _Walk, state_at, states
from billing_mirror.core.changes.change import Change, _precedes
from billing_mirror.core.changes.history import Entry, PastChange, _created_at, entry
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.stored import StoredObject

from .registry import mutant, replaces

walk = states
meet = _Walk.meet
state = _Walk.state
absence = _Walk._absence


@mutant("a missing entry is ignored")
@replaces(_Walk.meet)
def ignores_gaps(self: _Walk, entry: Entry) -> None:
    self.write = entry.write
    meet(self, entry)


@mutant("after a gap, nothing older is known")
@replaces(states)
def stops_at_gaps(entries: Iterable[Entry], present: Item | None) -> Iterator[StateAt]:
    for one in walk(entries, present):
        yield one
        if one.gap:
            return


@mutant("an object whose last write is not read yet has not changed")
@replaces(state_at)
def trusts_the_present(moment: str, entries: Iterable[Entry], present: Item | None) -> StateAt | Unknown:
    newest_first = [*entries]
    if present is not None and newest_first:
        last = newest_first[0].write
        present = {**present, "token": last.token, "fetched_at": last.fetched_at}
    return state_at(moment, newest_first, present)


@mutant("entries that build on the same state have no gap between them")
@replaces(_Walk.meet)
def builds_on_states(self: _Walk, entry: Entry) -> None:
    if self._digest == entry.state:
        self.write = entry.write
    meet(self, entry)


@mutant("a write is known by its token alone")
@replaces(_Walk.meet)
def knows_tokens_only(self: _Walk, entry: Entry) -> None:
    if self.write is not None and self.write.token == entry.write.token:
        self.write = entry.write
    meet(self, entry)


@mutant("a gap ends with the next entry")
@replaces(_Walk.meet)
def forgets_gaps(self: _Walk, entry: Entry) -> None:
    was_gap = self.gap
    meet(self, entry)
    if not was_gap and self.gap and entry.change is None:
        self.gap, self.write = False, entry.replaced


def _found_below(
    moment: str, entries: Iterable[Entry], present: Item | None
) -> tuple[StateAt | Unknown, list[PastChange]]:
    """The state at a moment, and the later changes, newest first."""
    newest_first = [*entries]
    newer = [one.change for one in newest_first if one.change is not None and one.change.at > moment]
    return state_at(moment, newest_first, present), newer


@mutant("a state is known since its change, whatever is missing between them")
@replaces(state_at)
def ignores_since(moment: str, entries: Iterable[Entry], present: Item | None) -> StateAt | Unknown:
    found, newer = _found_below(moment, entries, present)
    if isinstance(found, StateAt) or not newer:
        return found
    return StateAt(newer[-1].former, moment, None, newer[-1], gap=False)


@mutant("what a hand has made of a state was always so")
@replaces(_digest_of)
def trusts_hands(item: Item) -> str:
    return str(item.get("digest", "removed"))


@mutant("a write that changed nothing leaves no entry")
@replaces(entry)
def keeps_changes_only(
    before: StoredObject | None, after: StoredObject, change: Change | None, *, days: int
) -> Entry | None:
    return entry(before, after, change, days=days) if change is not None else None


@mutant("what the mirror did not hold, Stripe did not have")
@replaces(_created_at)
def was_created_when_mirrored(change: Change) -> str:
    return _created_at(change)[:0]


@mutant("an object whose item a hand has deleted was never there before")
@replaces(_Walk._absence)
def forgets_the_deleted(self: _Walk) -> StateAt:
    self.gap = False
    return absence(self)


@mutant("the former state of the wrong neighbour")
@replaces(state_at)
def takes_the_neighbour(moment: str, entries: Iterable[Entry], present: Item | None) -> StateAt | Unknown:
    found, newer = _found_below(moment, entries, present)
    return replace(found, item=newer[-2].former) if isinstance(found, StateAt) and len(newer) > 1 else found


@mutant("the state at the moment of a change is the one before it")
@replaces(state_at)
def is_late_by_one(moment: str, entries: Iterable[Entry], present: Item | None) -> StateAt | Unknown:
    return state_at(times.iso(times.seconds(moment) - 0.001), entries, present)


@mutant("an event that came late announces the change after it")
@replaces(_precedes)
def never_too_late(created_at: str, columns: Item) -> bool:
    return created_at == columns.get("last_event_at")
