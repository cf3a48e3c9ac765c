"""How does AWS hand over messages? SQS's queue in memory, as Lambda's pollers see it."""

import heapq
import itertools
import threading
import time
from dataclasses import dataclass

RECEIVED_AT_ONCE = 10
"""Messages of one ReceiveMessage: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""


@dataclass
class Message:
    """A message of the queue. Times are in seconds since 1970."""

    id: str
    body: str
    group: str
    sent_at: float
    visible_at: float
    delayed: bool
    """Whether its sender had it delayed; not whether it was postponed after it was received."""
    receives: int = 0


class QueueModel:
    """A standard queue. Thread-safe.

    A delayed message becomes visible as soon as nothing else is on its way: a benchmark does not wait out the minute
    after which a list is read again. Postponed messages wait as long as they would on AWS.
    """

    def __init__(self, visibility: float) -> None:
        self._visibility = visibility
        self._messages: dict[str, Message] = {}
        self._order: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._in_flight: set[str] = set()
        self.closed = False
        self._held = False
        self.sent = 0
        self.received = 0
        """Answers to ReceiveMessage that were not empty."""
        self.quarantined: list[str] = []

    def send(self, body: str, *, group: str = "", delay: float = 0.0) -> str:
        now = time.time()
        with self._changed:
            self.sent += 1
            message = Message(f"m{next(self._numbers)}", body, group, now, now + delay, delayed=delay > 0)
            self._messages[message.id] = message
            self._schedule(message)
            self._changed.notify()
        return message.id

    def receive(self, most: int, until: float) -> list[Message]:
        """At least one message, at most ten; waits for the first until a time by ``time.monotonic``."""
        with self._changed:
            while not self.closed:
                found = [] if self._held else self._visible(min(most, RECEIVED_AT_ONCE))
                if found:
                    self.received += 1
                    return found
                left = until - time.monotonic()
                if left <= 0:
                    break
                next_at = self._order[0][0] - time.time() if self._order and not self._held else left
                self._changed.wait(max(0.001, min(left, next_at)))
        return []

    def postpone(self, identifier: str, seconds: float) -> None:
        """As ChangeMessageVisibility."""
        with self._changed:
            if message := self._messages.get(identifier):
                message.visible_at, message.delayed = time.time() + seconds, False
                self._schedule(message)
                self._changed.notify_all()

    def delete(self, identifier: str) -> None:
        with self._changed:
            self._messages.pop(identifier, None)
            self._in_flight.discard(identifier)
            self._hurry()
            self._changed.notify_all()

    def wait_until_empty(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        with self._changed:
            self._hurry()
            return self._changed.wait_for(lambda: not self._messages, max(0.0, until - time.monotonic()))

    def purge(self) -> None:
        """Drops all messages, and waits until none is in flight."""
        with self._changed:
            for identifier in self._messages.keys() - self._in_flight:
                del self._messages[identifier]
            self._order.clear()
            self._changed.wait_for(lambda: not self._in_flight)
            self._messages.clear()

    def release(self, identifier: str) -> None:
        """Notes that a batch has ended without the message: it becomes visible when its time comes."""
        with self._changed:
            self._in_flight.discard(identifier)
            self._hurry()
            self._changed.notify_all()

    def hold(self) -> None:
        """Hands over nothing until :meth:`let_go`."""
        with self._changed:
            self._held = True

    def let_go(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all pollers: they find the queue ``closed``."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _schedule(self, message: Message) -> None:
        heapq.heappush(self._order, (message.visible_at, next(self._numbers), message.id))

    def _hurry(self) -> None:
        """Makes delayed messages visible where no other messages are left."""
        if self._messages and all(one.delayed and one.receives == 0 for one in self._messages.values()):
            for message in self._messages.values():
                message.visible_at = 0.0
                self._schedule(message)

    def _visible(self, most: int) -> list[Message]:
        now = time.time()
        found: list[Message] = []
        while self._order and len(found) < most and self._order[0][0] <= now:
            at, _, identifier = heapq.heappop(self._order)
            message = self._messages.get(identifier)
            if message is None or message.visible_at != at:
                continue  # deleted or postponed since
            message.receives += 1
            message.visible_at = now + self._visibility
            self._in_flight.add(identifier)
            self._schedule(message)
            found.append(message)
        return found
