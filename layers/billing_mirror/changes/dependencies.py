"""What the flow needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from billing_mirror.core.change import Change
from billing_mirror.core.history import Entry
from billing_mirror.core.stream_record import StreamRecord
from billing_mirror.ports import Clock, EventBus, HistoryStore, Queue

RawRecord: TypeAlias = Mapping[str, Any]
"""A record as Lambda hands it over: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""


class RecordReader(Protocol):
    def __call__(self, raw: RawRecord) -> StreamRecord:
        """Raises whatever the record's shape makes it raise."""


@dataclass(frozen=True, slots=True)
class ChangesDependencies:
    """``bus`` is None where changes are off, ``history`` where no history is kept."""

    clock: Clock
    read: RecordReader
    sequence_of: Callable[[RawRecord], str]
    dead_letters: Queue
    bus: EventBus | None
    history: HistoryStore | None
    history_days: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A change that was told: to the bus, to the history, or to both. ``gap``: the history before it has a gap."""

    change: Change
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What became of a batch.

    ``resume_at`` is the sequence number of the first record that has to be delivered again, with all that follow; None
    where every record is done. ``unreadable`` are the reasons of records that went to the dead-letter queue.
    """

    told: Sequence[Told]
    unchanged: int
    unreadable: Sequence[str]
    resume_at: str | None
    reason: str = ""
