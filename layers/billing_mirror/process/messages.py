"""A batch of messages, and how each of them ended."""

from dataclasses import dataclass
from typing import TypeAlias

from billing_mirror.core.messages import Message
from billing_mirror.core.object_ref import Subject, Untold
from billing_mirror.core.outcome import Outcome
from billing_mirror.refresh.apply import World


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the queue handed it over. ``sent_at`` is in seconds since 1970."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    receive_count: int


@dataclass(frozen=True, slots=True)
class Task:
    """A message as far as it was understood.

    ``problem`` says why it cannot be worked on; without that, a missing ``subject`` says that it is about
    nothing that can be mirrored - once the fetched event has named what it is about, where it is ``untold``.
    """

    received: Received
    message: Message | None = None
    subject: Subject | None = None
    untold: Untold | None = None
    problem: Exception | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How one message ended.

    ``reason`` says why it did not end well, ``trace`` where an unforeseen error came from; ``stored_at`` is
    when it was written, in seconds since 1970.
    """

    task: Task
    outcome: Outcome
    reason: str = ""
    trace: str = ""
    stored_at: float | None = None

    @property
    def later(self) -> bool:
        """Whether the message must stay in the queue."""
        return self.outcome is Outcome.POSTPONED


@dataclass(frozen=True, slots=True)
class Desk:
    """The ports and settings that refreshing a batch takes. ``absorb_margin`` is in seconds; 0 is off."""

    world: World
    absorb_margin: float


Verdict: TypeAlias = tuple[Outcome, float] | Exception
"""An outcome and when it was reached, or why there is none."""
