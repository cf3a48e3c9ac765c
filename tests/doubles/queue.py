"""The queue and the quarantine, in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from billing_mirror.core.errors import TransientError
from billing_mirror.ports import Clock, QuarantinedMessage
from billing_mirror.process.messages import ReceivedMessage


@dataclass
class QueuedMessage:
    message_id: str
    body: str
    group: str
    sent_at: float
    visible_at: float
    receive_count: int = 0


@dataclass
class MemoryQueue:
    """Implements ``ports.Queue``, and the receiving side of SQS."""

    clock: Clock
    visibility: float = 400.0
    waiting: list[QueuedMessage] = field(default_factory=list)
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of body and reason."""
    down: bool = False
    _sent: int = 0

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        self._require_up()
        self._sent += 1
        now = self.clock.now()
        self.waiting.append(QueuedMessage(f"m{self._sent}", body, group, sent_at=now, visible_at=now + delay))

    async def quarantine(self, body: str, *, reason: str) -> None:
        self._require_up()
        self.quarantined.append((body, reason))

    async def postpone(self, receipt: str, seconds: int) -> None:
        self._require_up()
        for message in self.waiting:
            if message.message_id == receipt:
                message.visible_at = self.clock.now() + seconds

    async def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        self._require_up()
        for body, reason in [*self.quarantined]:
            yield QuarantinedMessage(body, reason, body)

    async def drop(self, receipt: str) -> None:
        self._require_up()
        self.quarantined = [(body, reason) for body, reason in self.quarantined if body != receipt]

    def receive(self, most: int = 10) -> list[ReceivedMessage]:
        """Hands over visible messages and hides them."""
        now = self.clock.now()
        batch = [message for message in self.waiting if message.visible_at <= now][:most]
        for message in batch:
            message.receive_count += 1
            message.visible_at = now + self.visibility
        return [
            ReceivedMessage(one.message_id, one.message_id, one.body, one.sent_at, one.receive_count) for one in batch
        ]

    def delete(self, receipt: str) -> None:
        self.waiting = [message for message in self.waiting if message.message_id != receipt]

    def _require_up(self) -> None:
        if self.down:
            raise TransientError("the queue is down")
