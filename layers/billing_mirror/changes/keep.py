"""Keeps the former state of an object, once for each change: the same entry, however often its record comes."""

from billing_mirror.core.change import Change
from billing_mirror.core.history import Entry, coverage_now, entry, left_partitions
from billing_mirror.core.stream_record import StreamRecord
from billing_mirror.ports import HistoryStore


async def keep(history: HistoryStore, record: StreamRecord, change: Change, *, days: int) -> Entry:
    """Writes the entry of a change, and where the object has left an index. Raises ``TransientError``.

    The entry comes last: where it is, all is.
    """
    noted = await history.coverage(change.scope, record.stream)
    coverage = coverage_now(noted, record.stream, written_at=record.written_at, days=days)
    if coverage != noted:
        await history.note_coverage(change.scope, coverage)
    previous = await history.previous(record.key, change.token)
    made = entry(change, previous, coverage, written_at=record.written_at)
    for partition in left_partitions(change):
        await history.note_left(change.scope, partition, record.key, made)
    await history.keep(record.key, made)
    return made
