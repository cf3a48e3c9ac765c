"""A batch of messages, and how each of them ended."""

from dataclasses import dataclass
from typing import TypeAlias

from billing_mirror.core.messages import Message
from billing_mirror.core.object_ref import ObjectRef, UnresolvedRef
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Ports


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as the queue handed it over. ``sent_at`` is in seconds since 1970."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    receive_count: int


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A message as far as it was understood.

    ``problem`` says why it cannot be worked on; without that, a missing ``ref`` says that it is about
    nothing that can be mirrored - once the fetched event has named what it is about, where it is ``unresolved``.
    """

    received: ReceivedMessage
    message: Message | None = None
    ref: ObjectRef | None = None
    unresolved: UnresolvedRef | None = None
    problem: Exception | None = None


@dataclass(frozen=True, slots=True)
class MessageResult:
    """How one message ended.

    ``reason`` says why it did not end well, ``trace`` where an unforeseen error came from; ``stored_at`` is
    when it was written, in seconds since 1970.
    """

    item: WorkItem
    outcome: Outcome
    reason: str = ""
    trace: str = ""
    stored_at: float | None = None

    @property
    def retry(self) -> bool:
        """Whether the message must stay in the queue."""
        return self.outcome is Outcome.POSTPONED


@dataclass(frozen=True, slots=True)
class ProcessDependencies:
    """The ports and settings that refreshing a batch takes. ``clock_skew_margin`` is in seconds; 0 is off."""

    ports: Ports
    clock_skew_margin: float


Result: TypeAlias = tuple[Outcome, float] | Exception
"""An outcome and when it was reached, or why there is none."""
