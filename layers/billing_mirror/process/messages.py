"""What process works on: received messages, what they mean, and their results."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self, TypeAlias

from billing_mirror.core.events.messages import Message, Notification, RefreshRequest
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.events.related_object import UnresolvedRef
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.ports import Ports
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.in_order import InOrder
from billing_mirror.refresh.around_stripe.previews import ShownPreviews


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as the queue handed it over. ``sent_at`` is in seconds since 1970."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    receive_count: int
    group: str = ""
    """The message group that it was sent to; empty where an event bus sent it."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A received message with what it means.

    ``problem`` says why the message cannot be processed. ``unresolved`` stands where only the fetched event names the
    object. ``other_mode`` says that the object is not of the key's mode. Without any of the four, the message is about
    nothing that can be mirrored.
    """

    received: ReceivedMessage
    message: Message | None = None
    ref: ObjectRef | None = None
    unresolved: UnresolvedRef | None = None
    problem: Exception | None = None
    other_mode: bool = False

    @property
    def announces_deletion(self) -> bool:
        """Whether the message says that the object is deleted, or that a list lacks it."""
        return self.is_deletion or (isinstance(self.message, RefreshRequest) and self.message.unlisted)

    @property
    def is_deletion(self) -> bool:
        """Whether the message is Stripe's event of the object's deletion."""
        return isinstance(self.message, Notification) and self.message.type.endswith(".deleted")

    @property
    def happened_at(self) -> float:
        """When the event was created, or else when the message was sent, in seconds since 1970.

        A test clock may date an event in the future; it happened before its message was sent all the same.
        """
        if isinstance(self.message, Notification):
            return min(self.message.created.timestamp(), self.received.sent_at)
        return self.received.sent_at

    @property
    def scope(self) -> Scope | None:
        """Whose data it is about; None where it is about nothing that can be mirrored."""
        named = self.ref or self.unresolved
        return named.scope if named else None

    @property
    def hops(self) -> int:
        """The number of refresh requests in the chain that ends with this message."""
        return self.message.hops if isinstance(self.message, RefreshRequest) else 0


@dataclass(frozen=True, slots=True)
class MessageResult:
    """How one message ended.

    ``reason`` says why the message is not done, ``trace`` where an unforeseen error came from; ``stored_at`` is
    when the object was written, in seconds since 1970.
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


NoteAccounts: TypeAlias = Callable[[Iterable[WorkItem]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ProcessDependencies:
    """What process needs. ``clock_skew_margin`` is in seconds; at 0, no clocks are compared to skip a fetch."""

    ports: Ports
    clock_skew_margin: float
    account: AccountGuard | None = None
    """Refuses a key of another Stripe account."""
    previews: ShownPreviews = field(default_factory=ShownPreviews)
    """Says whether a 404 is about the object, or about its whole preview."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    """Numbers of objects, in the order in which work on them started."""
    note_accounts: NoteAccounts | None = None
    """Notes the connected accounts that events are about: reconcile erases in them, and may compare them."""
    pause: float = 0.0
    """Seconds for which a claim waits for another event of the same change before its fetch; 0: no wait."""
    waits_for_claims: bool = True
    """Whether a recent claim that follows the same events is waited for, before one's own."""

    def of_next_object(self) -> Self:
        """The same for one more object: its requests to Stripe wait until those of earlier objects have started."""
        stripe = InOrder(self.ports.stripe, next(self.numbers))
        return replace(self, ports=replace(self.ports, stripe=stripe))


Result: TypeAlias = tuple[Outcome, float] | Exception
"""An outcome and its time in seconds since 1970, or the error that prevented one."""
