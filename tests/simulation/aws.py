"""The queue and the table, as a container sees them: sometimes they refuse, or do not say what they did."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from billing_mirror.core.body import JsonObject
from billing_mirror.core.errors import Retryable
from billing_mirror.core.items import Item
from billing_mirror.core.known import Claim, Head
from billing_mirror.core.subject import Scope, Subject
from billing_mirror.flows.batch import Received
from billing_mirror.flows.ports import Clock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue

from .container import IO
from .faults import Dice, Fault

T = TypeVar("T")


class WakingQueue(MemoryQueue):
    """The double, and somebody who waits for messages."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.arrival = asyncio.Event()

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        await super().send(body, group=group, delay=delay)
        self.arrival.set()

    async def wait(self) -> None:
        """Until a message may be received."""
        self.arrival.clear()
        soonest = min((message.visible_at for message in self.waiting), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if soonest is None else max(0.0, soonest - self.clock.now())):
                await self.arrival.wait()


class UnreliableMirror:
    """Implements ``flows.ports.Mirror`` in front of the double that the contract suite has proven."""

    def __init__(self, mirror: MemoryMirror, dice: Dice, io: IO) -> None:
        self._mirror = mirror
        self._dice = dice
        self._io = io

    async def heads(self, subjects: Iterable[Subject]) -> Mapping[str, Head]:
        return await self._read("heads", lambda: self._mirror.heads(subjects))

    async def claims(self, subjects: Iterable[Subject]) -> Mapping[str, Claim]:
        return await self._read("claims", lambda: self._mirror.claims(subjects))

    async def claim(self, subject: Subject, now: float) -> int:
        return await self._write(f"claim {subject.key}", lambda: self._mirror.claim(subject, now))

    async def put(self, subject: Subject, token: int, item: Item) -> bool:
        return await self._write(f"put {subject.key} {token}", lambda: self._mirror.put(subject, token, item))

    async def bury(self, subject: Subject, token: int, tombstone: Item) -> bool:
        return await self._write(f"bury {subject.key} {token}", lambda: self._mirror.bury(subject, token, tombstone))

    async def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        await self._io("children")
        for identifier in [one async for one in self._mirror.children(scope, parent, type_name)]:
            yield identifier

    async def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: float | None = None
    ) -> AsyncIterator[str]:
        await self._io("ids")
        for identifier in [one async for one in self._mirror.ids(scope, type_name, status=status, since=since)]:
            yield identifier

    async def body(self, subject: Subject) -> JsonObject | None:
        return await self._read("body", lambda: self._mirror.body(subject))

    async def latest(self, scope: Scope, name: str) -> Item | None:
        return await self._read("latest", lambda: self._mirror.latest(scope, name))

    async def record(self, scope: Scope, name: str, at: float, entry: Item) -> None:
        await self._write("record", lambda: self._mirror.record(scope, name, at, entry))

    async def _read(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        await self._io(what)
        if self._dice.strikes(Fault.TABLE_THROTTLED):
            raise Retryable("DynamoDB is busy")
        result = await act()
        await self._io(f"{what}: done")
        return result

    async def _write(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        result = await self._read(what, act)
        if self._dice.strikes(Fault.WRITE_TIMES_OUT):
            raise Retryable("DynamoDB does not answer")
        return result


@dataclass
class UnreliableQueue:
    """Implements ``flows.ports.Queue`` in front of the double, and what SQS does to a worker."""

    queue: WakingQueue
    dice: Dice
    io: IO

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        await self.io("send")
        if self.dice.strikes(Fault.SEND_REFUSED):
            raise Retryable("SQS is busy")
        await self.queue.send(body, group=group, delay=delay)
        await self.io("send: done")
        if self.dice.strikes(Fault.SEND_TIMES_OUT):
            raise Retryable("SQS does not answer")

    async def quarantine(self, body: str, *, reason: str) -> None:
        await self.io("quarantine")
        await self.queue.quarantine(body, reason=reason)

    async def postpone(self, receipt: str, seconds: int) -> None:
        await self.io("postpone")
        await self.queue.postpone(receipt, seconds)

    def receive(self, most: int) -> list[Received]:
        """Some of the visible messages, in any order."""
        self.dice.random.shuffle(self.queue.waiting)
        batch = self.queue.receive(most)
        for message in self.queue.waiting:
            if message.receive_count and self.dice.strikes(Fault.RECEIVED_TWICE):
                message.visible_at = 0.0
        return batch

    def delete(self, receipt: str) -> None:
        if not self.dice.strikes(Fault.DELETE_LOST):
            self.queue.delete(receipt)
