"""The queue and the table with faults: a call is refused, or its answer is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TypeVar

from billing_mirror.adapters.table.chunked_write import Replaced, put_chunked
from billing_mirror.core.errors import TransientError, UnstorableObject
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.forgetting import FoundPage, RemovalNote
from billing_mirror.core.table import chunks
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import NO_EVENTS, UNCLAIMED_TOKEN, AlreadyClaimed, Claim, Head, LastEvents
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import Clock, IndexEntry, QuarantinedMessage
from billing_mirror.process.messages import ReceivedMessage
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue, QueuedMessage

from .container import IO
from .faults import Consequence, Dice, Fault

T = TypeVar("T")

LIFETIME = 14 * 86400.0
"""Seconds for which a message is retried before it is quarantined."""
SLOWEST_TABLE = 10.0
CHUNKED = Limits(body=0, chunk=150)
"""Two or three chunks of a body."""
NO_MAP_HOLDS: JsonObject = {"exact": 10**40 + 1}
"""Makes a body one that is compressed, and takes several items. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


class WakingQueue(MemoryQueue):
    """The in-memory queue with waiting workers: the next visible message wakes one of them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.lifetime = LIFETIME
        self.at_work: Counter[str] = Counter()
        """The ids of the messages in flight."""
        self._sleepers: list[asyncio.Future[None]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._no_machine = copy_context()

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        await super().send(body, group=group, delay=delay)
        self.set_alarm()

    async def postpone(self, receipt: str, seconds: int) -> None:
        await super().postpone(receipt, seconds)
        self.set_alarm()

    async def wait(self) -> None:
        """Waits until a message may be visible."""
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append(sleeper)
        self.set_alarm()
        await sleeper

    def take_expired(self) -> list[QueuedMessage]:
        """Moves expired messages into quarantine and returns them."""
        oldest = self.clock.now() - self.lifetime
        old = [message for message in self.waiting if message.sent_at < oldest]
        for message in old:
            self.waiting.remove(message)
            self.quarantined.append((message.body, "received too often"))
        return old

    def set_alarm(self) -> None:
        """Schedules a wake-up for the time at which the next message becomes visible."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._sleepers and self.waiting:
            left = min(message.visible_at for message in self.waiting) - self.clock.now()
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(max(0.0, left), self._wake, context=self._no_machine)

    def _wake(self) -> None:
        self._alarm = None
        if self._sleepers:
            self._sleepers.pop(0).set_result(None)


class ChunkedMirror(MemoryMirror):
    """The table, in which a body takes several items as soon as a map cannot hold it, and is always readable."""

    def __init__(self, *, refuses: Callable[[Item], bool] = lambda _: False) -> None:
        super().__init__(CHUNKED, refuses=refuses, for_good=True)
        self.unreadable: set[str] = set()
        """The keys of objects that had, at some time, no whole body."""
        self.tracks_readability = True

    async def replace(self, ref: ObjectRef, token: int, item: Item) -> Replaced:
        replaced = await super().replace(ref, token, item)
        self._read(ref.key)
        return replaced

    async def drop_chunk(self, ref: ObjectRef, sort_key: str, expires_at: int) -> None:
        await super().drop_chunk(ref, sort_key, expires_at)
        self._read(ref.key)

    def _read(self, key: str) -> None:
        if (
            self.tracks_readability
            and key in self.objects
            and chunks.NAME in self.objects[key]
            and self.body_of(key) is None
        ):
            self.unreadable.add(key)


class UnreliableTable:
    """A table that is slow, throttled, or loses its answers."""

    def __init__(self, dice: Dice, io: IO) -> None:
        self._dice = dice
        self._io = io

    async def _read(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        await self._io(what, self._pause())
        if self._dice.strikes(Fault.TABLE_THROTTLED):
            raise TransientError("DynamoDB is busy")
        result = await act()
        await self._io(f"{what}: done", self._pause())
        return result

    async def _batch(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        result = await self._read(what, act)
        if self._dice.strikes(Fault.KEYS_UNPROCESSED):
            raise TransientError("DynamoDB leaves keys unprocessed")
        return result

    async def _write(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        result = await self._read(what, act)
        if self._dice.strikes(Fault.WRITE_TIMES_OUT):
            raise TransientError("DynamoDB does not answer")
        return result

    async def _apply(self, what: str, act: Callable[[], Awaitable[bool]]) -> bool:
        """A conditional write; False where it is refused, or was made and its repetition is refused."""
        applied = await self._write(what, act)
        if applied and self._dice.strikes(Fault.WRITE_REPEATED):
            self._repeated(what)
            return False
        if not applied:
            self._dice.counts[Consequence.WRITE_REFUSED] += 1
        return applied

    def _repeated(self, what: str) -> None:
        """Called where a write was made and its repetition is refused."""

    def _pause(self) -> float:
        return self._dice.delay(SLOWEST_TABLE) if self._dice.strikes(Fault.TABLE_SLOW) else 0.0


class UnreliableMirror(UnreliableTable):
    """Implements ``ports.Mirror`` in front of the double that the contract suite has proven."""

    def __init__(self, mirror: MemoryMirror, dice: Dice, io: IO) -> None:
        super().__init__(dice, io)
        self._mirror = mirror
        self._claims: Counter[str] = Counter()
        self._repeated_writes: set[str] = set()

    @property
    def left(self) -> Mapping[str, set[str]]:
        return self._mirror.left

    def was_written(self, ref: ObjectRef) -> bool:
        """Whether the mirror holds the only write of this container, whose repetition was refused."""
        token = self._mirror.objects.get(ref.key, {}).get("token")
        if not isinstance(token, int) or self._claims[ref.key] != 1:
            return False
        return f"{ref.key} {token}" in self._repeated_writes

    def _repeated(self, what: str) -> None:
        self._repeated_writes.add(what.partition(" ")[2])

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        async def read() -> Mapping[str, Head]:
            self._mirror.reads_lag = not consistent and self._dice.strikes(Fault.TABLE_BEHIND)
            return await self._mirror.heads(refs, consistent=consistent)

        return await self._batch("heads", read)

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        wanted = list(refs)
        what = f"claims {','.join(one.key for one in wanted)}"
        return await self._batch(what, lambda: self._mirror.claims(wanted))

    async def claim(
        self, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
    ) -> tuple[int, LastEvents]:
        self._perhaps_lose_counter(ref)
        self._claims[ref.key] += 1
        try:
            return await self._write(
                f"claim {ref.key}", lambda: self._mirror.claim(ref, now, events, unless_since=unless_since)
            )
        except AlreadyClaimed:
            self._claims[ref.key] -= 1
            raise

    def _perhaps_lose_counter(self, ref: ObjectRef) -> None:
        """Only while no claim is in flight: what is in flight has no order without the counter."""
        counter, token = self._mirror.counters.get(ref.key), self._mirror.objects.get(ref.key, {}).get("token")
        if counter is not None and counter.claimed == token and self._dice.strikes(Fault.COUNTER_LOST):
            del self._mirror.counters[ref.key]

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        await self._write(f"raise_counter {ref.key}", lambda: self._mirror.raise_counter(ref, least))

    async def release_claim(self, ref: ObjectRef, token: int) -> None:
        await self._write(f"release_claim {ref.key}", lambda: self._mirror.release_claim(ref, token))

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        if token == UNCLAIMED_TOKEN:
            await self._io(f"listed {ref.key}")
        return await put_chunked(self, ref, token, item, self._mirror.limits)

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        """Each object is stored by a write of its own; its worker can die between two of them.

        Where one fails, it fails alone, or the request does, of which an odd number may be stored by then.
        """
        stored: set[ObjectRef] = set()
        for ref, item in new.items():
            try:
                if await self.put(ref, UNCLAIMED_TOKEN, item):
                    stored.add(ref)
            except UnstorableObject:
                continue
            except TransientError:
                if len(stored) % 2:
                    raise
        return stored

    async def replace(self, ref: ObjectRef, token: int, item: Item) -> Replaced:
        replaced = Replaced(stored=False, had_chunks=False)

        async def act() -> bool:
            nonlocal replaced
            replaced = await self._mirror.replace(ref, token, item)
            return replaced.stored

        what = f"insert {ref.key}" if token == UNCLAIMED_TOKEN else f"put {ref.key} {token}"
        stored = await self._apply(what, act)
        return Replaced(stored, stored and replaced.had_chunks)

    async def put_chunk(self, ref: ObjectRef, sort_key: str, content: bytes) -> None:
        await self._write(f"put_chunk {ref.key}", lambda: self._mirror.put_chunk(ref, sort_key, content))

    async def chunk_keys(self, ref: ObjectRef, token: int) -> list[str]:
        return await self._read(f"chunk_keys {ref.key}", lambda: self._mirror.chunk_keys(ref, token))

    async def drop_chunk(self, ref: ObjectRef, sort_key: str, expires_at: int) -> None:
        await self._write(f"drop_chunk {ref.key}", lambda: self._mirror.drop_chunk(ref, sort_key, expires_at))

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        return await self._apply(
            f"put_tombstone {ref.key} {token}", lambda: self._mirror.put_tombstone(ref, token, tombstone)
        )

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None:
        await self._write(
            f"note_left {ref.key}", lambda: self._mirror.note_left(ref, customer=customer, removed=removed)
        )

    async def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        await self._io("children")
        for identifier in [one async for one in self._mirror.children(scope, parent, type_name)]:
            yield identifier

    async def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        await self._io("ids_of_customer")
        for identifier in [one async for one in self._mirror.ids_of_customer(scope, customer, type_name)]:
            yield identifier

    async def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        await self._io("ids")
        for identifier in [one async for one in self._mirror.ids(scope, type_name, status=status, since=since)]:
            yield identifier

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        return await self._read("body", lambda: self._mirror.body(ref))

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        return await self._read("stored", lambda: self._mirror.stored(ref))

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        what = f"note_unstorable {note.sort_key} {note.token}"
        return await self._write(what, lambda: self._mirror.note_unstorable(scope, note))

    async def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:
        await self._io("unstorable")
        for note in [one async for one in self._mirror.unstorable(scope, type_name)]:
            yield note

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None:
        await self._write(f"remove_note {note.sort_key}", lambda: self._mirror.remove_note(scope, note))

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        return await self._read("objects_of", lambda: self._mirror.objects_of(scope, customers, cursor))

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        return await self._write(f"erase {ref.key} {token}", lambda: self._mirror.erase(ref, token, customer, now))

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None:
        await self._write(f"empty_beside {ref.key}", lambda: self._mirror.empty_beside(ref, token, kept, now))

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None:
        await self._write(f"note_removal {note.sort_key}", lambda: self._mirror.note_removal(scope, note))

    async def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:
        await self._io("removals")
        for note in [one async for one in self._mirror.removals(scope, until)]:
            yield note

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None:
        await self._write(f"drop_removal {note.sort_key}", lambda: self._mirror.drop_removal(scope, note))


@dataclass
class UnreliableQueue:
    """Implements ``ports.Queue`` in front of the double, with the faults of SQS."""

    queue: WakingQueue
    dice: Dice
    io: IO

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        await self.io("send")
        if self.dice.strikes(Fault.SEND_REFUSED):
            raise TransientError("SQS is busy")
        await self.queue.send(body, group=group, delay=delay)
        await self.io("send: done")
        if self.dice.strikes(Fault.SEND_TIMES_OUT):
            raise TransientError("SQS does not answer")

    async def quarantine(self, body: str, *, reason: str) -> None:
        await self.io("quarantine")
        await self.queue.quarantine(body, reason=reason)

    async def postpone(self, receipt: str, seconds: int) -> None:
        await self.io("postpone")
        await self.queue.postpone(receipt, seconds)

    async def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        await self.io("quarantined_messages")
        for message in [one async for one in self.queue.quarantined_messages()]:
            yield message

    async def drop(self, receipt: str) -> None:
        await self.io("drop")
        await self.queue.drop(receipt)

    def receive(self, most: int) -> list[ReceivedMessage]:
        """Some of the visible messages, in any order."""
        self.dice.random.shuffle(self.queue.waiting)
        expired = self._expired()
        batch = self.queue.receive(most)
        self._note(batch, expired)
        received = {one.message_id for one in batch}
        for message in self.queue.waiting:
            if message.message_id in received and self.dice.strikes(Fault.RECEIVED_TWICE):
                message.visible_at = 0.0
        self.queue.set_alarm()
        return batch

    def delete(self, receipt: str) -> None:
        if not self.dice.strikes(Fault.DELETE_LOST):
            self.queue.delete(receipt)

    def _expired(self) -> set[str]:
        """The ids of messages that are still in flight but visible again."""
        now = self.queue.clock.now()
        return {one.message_id for one in self.queue.waiting if 0.0 < one.visible_at <= now} & self.queue.at_work.keys()

    def _note(self, batch: list[ReceivedMessage], expired: set[str]) -> None:
        ids = [one.message_id for one in batch]
        self.dice.counts[Consequence.STILL_AT_WORK] += len(expired.intersection(ids))
        if any(one.sent_at > following.sent_at for one, following in pairwise(batch)):
            self.dice.counts[Consequence.OUT_OF_ORDER] += 1
