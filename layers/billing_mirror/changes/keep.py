"""Keeps what a write has replaced: the same entry, however often its record comes."""

from dataclasses import dataclass
from typing import Self

from billing_mirror.core.changes.change import Change
from billing_mirror.core.changes.history import Entry, entry, left_partitions
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.ports import HistoryStore


@dataclass(frozen=True, slots=True)
class Kept:
    """What the history keeps of a record: an entry, and the partitions that note that the object has left an index."""

    key: str
    entry: Entry
    left: tuple[str, ...]

    @classmethod
    def of(cls, record: StreamRecord, change: Change | None, days: int) -> Self | None:
        """None for a record of no write of ours. Raises what an item of no write of ours makes it raise."""
        made = entry(record.before, record.after, change, days=days)
        return (
            cls(record.key, made, left_partitions(change) if change is not None else ()) if made is not None else None
        )


async def keep(history: HistoryStore, kept: Kept) -> None:
    """Writes it. Raises ``TransientError``. The entry comes last: where it is, all is."""
    for partition in kept.left:
        await history.note_left(partition, kept.key, kept.entry)
    await history.keep(kept.key, kept.entry)
