"""Keeps the former state of an object, once for each change: the same entry, however often its record comes."""

from billing_mirror.core import times
from billing_mirror.core.change import Change
from billing_mirror.core.history import Entry, beginning, entry, left_partitions
from billing_mirror.core.stream_record import StreamRecord
from billing_mirror.ports import HistoryStore


async def keep(history: HistoryStore, record: StreamRecord, change: Change, *, days: int) -> Entry:
    """Writes the entry of a change, and where the object has left an index. Raises ``TransientError``.

    The entry comes last: where it is, all is.
    """
    began_at = await _beginning(history, record, change.scope, days)
    previous = await history.previous(record.key, change.token)
    made = entry(change, previous, began_at=began_at, days=days)
    for partition in left_partitions(change):
        await history.note_left(change.scope, partition, record.key, made)
    await history.keep(record.key, made)
    return made


async def _beginning(history: HistoryStore, record: StreamRecord, scope: str, days: int) -> str:
    """Since when the history of a stream is kept; notes it with the first record."""
    held = await history.beginning(scope, record.stream)
    noted = beginning(held, first_seen=times.iso(record.written_at), days=days)
    if noted != held:
        await history.note_beginning(scope, record.stream, noted)
    return str(noted["began_at"])
