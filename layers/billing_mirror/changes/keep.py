"""Keeps the former state of an object, once for each change: the same entry, however often its record comes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from billing_mirror.core import times
from billing_mirror.core.changes.change import Change
from billing_mirror.core.changes.history import Coverage, Entry, coverage_now, entry, left_partitions
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.ports import HistoryStore

Covered = Mapping[tuple[str, str], Coverage]
"""By scope and stream."""


async def keep(history: HistoryStore, record: StreamRecord, change: Change, covered: Covered) -> Entry:
    """Writes the entry of a change, and where the object has left an index. Raises ``TransientError``.

    The entry comes last: where it is, all is.
    """
    previous = await history.previous(record.key, change.token)
    made = entry(change, previous, covered[change.scope, record.stream], written_at=record.written_at)
    for partition in left_partitions(change):
        await history.note_left(change.scope, partition, record.key, made)
    await history.keep(record.key, made)
    return made


async def cover(history: HistoryStore, records: Iterable[StreamRecord], *, now: float, days: int) -> Covered:
    """Since when the history is complete, with these records; notes it where that is new. Raises ``TransientError``."""
    covered: dict[tuple[str, str], Coverage] = {}
    for record in records:
        if (record.scope, record.stream) not in covered:
            noted = await history.coverage(record.scope, record.stream)
            covered[record.scope, record.stream] = coverage_now(
                noted, record.stream, written_at=record.written_at, now=now, days=days
            )
            if covered[record.scope, record.stream] != noted:
                await history.note_coverage(record.scope, covered[record.scope, record.stream])
    return covered


async def note_progress(history: HistoryStore, records: Iterable[StreamRecord], covered: Covered) -> None:
    """Notes up to when all is kept. Raises ``TransientError``."""
    until: dict[tuple[str, str], float] = {}
    for record in records:
        until[record.scope, record.stream] = record.written_at
    for (scope, stream), written_at in until.items():
        coverage = covered[scope, stream]
        await history.note_coverage(scope, replace(coverage, until=max(coverage.until, times.iso(written_at))))
