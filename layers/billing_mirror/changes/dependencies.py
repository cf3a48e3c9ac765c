"""What the flow needs, and its results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from billing_mirror.core.changes.change import Change
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.ports import Clock, DeadLetters, EventBus, HistoryStore

RawRecord: TypeAlias = Mapping[str, Any]
"""A record as Lambda passes it on: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""


@dataclass(frozen=True, slots=True)
class ChangesDependencies:
    """``bus`` is None where changes are off, ``history`` where no history is kept.

    ``read`` raises whatever the shape of a record makes it raise.
    """

    clock: Clock
    read: Callable[[RawRecord], StreamRecord]
    sequence_of: Callable[[RawRecord], str]
    dead_letters: DeadLetters
    bus: EventBus | None
    history: HistoryStore | None
    history_days: int = 0


@dataclass(frozen=True, slots=True)
class FeedResult:
    """The results of a batch.

    ``published`` are the changes that the bus has taken, or the history, or both. ``resume_at`` is the sequence number
    of the first record that has to be delivered again, with all that follow; None where every record is done.
    ``unreadable`` are the reasons of records that went to the dead-letter queue.
    """

    published: Sequence[Change]
    unchanged: int
    unreadable: Sequence[str]
    resume_at: str | None
    reason: str = ""
