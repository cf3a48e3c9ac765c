"""Mutants of the history. No schedule asks what was; tests/simulation/past.py does, so they are tried there."""

from collections.abc import Iterable
from dataclasses import replace

from billing_mirror.changes.keep import Covered, note_progress
from billing_mirror.core import times
from billing_mirror.core.changes.as_of import StateAt, _present_since, state_at
from billing_mirror.core.changes.change import ERASED_AT, Change, _precedes, state_digest
from billing_mirror.core.changes.history import Coverage, Entry, coverage_now, entry
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.ports import HistoryStore

from .registry import mutant, replaces


@mutant("a gap is ignored")
@replaces(entry)
def ignores_gaps(change: Change, previous: Entry | None, coverage: Coverage, *, written_at: float) -> Entry:
    as_if = replace(previous, state=state_digest(change.before)) if previous is not None else None
    return entry(change, as_if, coverage, written_at=written_at)


@mutant("a state was there since the change before, whatever the stream has missed")
@replaces(Coverage.holds)
def holds_all(self: Coverage, entry: Entry) -> bool:
    return bool(self.stream and entry.stream)


@mutant("an outage of a day does not end what the stream covers")
@replaces(coverage_now)
def never_starts_anew(noted: Coverage | None, stream: str, *, written_at: float, now: float, days: int) -> Coverage:
    since = times.iso(written_at)
    return (
        noted
        if noted is not None
        else coverage_now(Coverage(stream, since, since, days), stream, written_at=written_at, now=now, days=days)
    )


@mutant("entries never expire")
@replaces(Coverage.reaches_back_to)
def reaches_back_for_ever(self: Coverage, now: float) -> str:
    return self.since if now else ""


@mutant("an object whose last write is not read yet has not changed")
@replaces(_present_since)
def trusts_the_present(present: Item | None, last: Entry | None, coverage: Coverage, now: float) -> str:
    return _present_since(present, last, replace(coverage, until=times.iso(now)), now)


@mutant("the progress of the function is not noted")
@replaces(note_progress)
async def notes_no_progress(
    history: HistoryStore,
    records: Iterable[StreamRecord],
    covered: Covered,
) -> None:
    await note_progress(history, [], covered)


@mutant("the former state of the wrong neighbour")
@replaces(state_at)
def takes_the_neighbour(
    moment: str, entries: Iterable[Entry], present: Item | None, coverage: Coverage, *, now: float
) -> StateAt:
    newer = [one for one in entries if one.at > moment]
    found = state_at(moment, [*newer], present, coverage, now=now)
    return replace(found, item=newer[-2].former) if len(newer) > 1 else found


@mutant("the state at the moment of a change is the one before it")
@replaces(state_at)
def is_late_by_one(
    moment: str, entries: Iterable[Entry], present: Item | None, coverage: Coverage, *, now: float
) -> StateAt:
    return state_at(times.iso(times.seconds(moment) - 0.001), entries, present, coverage, now=now)


@mutant("a forgotten object was always removed")
@replaces(_present_since)
def forgets_the_erasure(present: Item | None, last: Entry | None, coverage: Coverage, now: float) -> str:
    return _present_since(_unmarked(present) if present is not None else None, last, coverage, now)


@mutant("a forgotten object was removed until it came back")
@replaces(entry)
def builds_on_what_was_erased(
    change: Change, previous: Entry | None, coverage: Coverage, *, written_at: float
) -> Entry:
    before = change.before
    whole = StoredObject(_unmarked(before.columns), before.body) if before is not None else None
    return entry(replace(change, before=whole), previous, coverage, written_at=written_at)


def _unmarked(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != ERASED_AT}


@mutant("an event that came late announces the change after it")
@replaces(_precedes)
def never_too_late(created_at: str, columns: Item) -> bool:
    return created_at == columns.get("last_event_at")
