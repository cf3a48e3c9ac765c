"""The change feed of a schedule: the table's stream is published by a function that is late, repeated and killed.

A consumer that has seen all events, some of them again and some too late, has the mirror: all of it, and nothing else.
The feed reads no object, so it may run after the schedule: as late as a function can be.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import ParamSpec, TypeVar

from billing_mirror.changes.dependencies import ChangesDependencies, RawRecord
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import json_body
from billing_mirror.core.changes.change import (
    COLUMNS,
    MAX_EDITS,
    body_digest,
    change_between,
    is_live,
    is_tombstone,
    is_write,
    token_in,
)
from billing_mirror.core.changes.history import Entry, Write, write_of
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import id_in, members_in
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.ports import BusEvent, Clock
from tests.doubles.changes import MemoryBus, MemoryHistory, StreamedItems, raw, read_raw, sequence_of_raw
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.replay import Key, Rebuilt, Replay

P = ParamSpec("P")
T = TypeVar("T")
SHARDS = 2
BATCHES = (1, 3, 10, 100)
TIME = 100.0
DAYS = 30
TROUBLE = 0.06
"""The share of calls that fail, and of those whose answer is lost."""
DEATH = 0.03
"""The share of calls at which the function is killed: before or after it."""
UNREADABLE = 0.02
"""The share of records that an unreadable one follows."""
ROOM = MAX_EDITS // 3
"""Bytes of the bodies before and after a change whose event is complete, with all ids on its lists."""
LATE = 8
"""Events that may overtake another one on the bus."""


class Killed(BaseException):
    """The function is killed: no code of its own runs after that."""


@dataclass
class Trouble:
    """What happens at each call, as a seed decides; nothing, without a random."""

    random: Random | None = None
    kill_at: frozenset[int] = frozenset()
    """The halves of calls (before it, or after it), by number, at which the function is killed, whatever the seed."""
    halves: int = 0
    struck: set[str] = field(default_factory=set)
    _is_dead: bool = False

    def start(self) -> None:
        """A function is invoked."""
        self._is_dead = False

    async def around(self, call: Callable[P, Awaitable[T]], *given: P.args, **named: P.kwargs) -> T:
        self._half("refused")
        answer = await call(*given, **named)
        self._half("answer lost")
        return answer

    def _half(self, fault: str) -> None:
        self.halves += 1
        self._is_dead |= self.halves in self.kill_at or self._strikes(DEATH)
        if self._is_dead:
            self.struck.add("killed")
            raise Killed
        if self._strikes(TROUBLE):
            self.struck.add(fault)
            raise TransientError("AWS is busy")

    def _strikes(self, share: float) -> bool:
        return self.random is not None and self.random.random() < share


class UnreliableBus(MemoryBus):
    """A bus that fails, loses its answers, and takes a part of a request."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble
        random = trouble.random
        self.refuses = lambda _: random is not None and random.random() < TROUBLE

    async def put(self, events: Sequence[BusEvent]) -> Sequence[str]:
        return await self._trouble.around(super().put, events)


class UnreliableHistory(MemoryHistory):
    """A history whose calls fail, and lose their answers."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    async def keep(self, key: str, entry: Entry) -> None:
        await self._trouble.around(super().keep, key, entry)

    async def empty(self, key: str, now: float) -> bool:
        return await self._trouble.around(super().empty, key, now)


class UnreliableDeadLetters:
    """A dead-letter queue whose calls fail, and lose their answers."""

    def __init__(self, clock: Clock, trouble: Trouble) -> None:
        self._queue = MemoryQueue(clock)
        self._trouble = trouble

    @property
    def quarantined(self) -> set[str]:
        return {body for body, _ in self._queue.quarantined}

    async def quarantine(self, body: str, *, reason: str) -> None:
        await self._trouble.around(self._queue.quarantine, body, reason=reason)


class Feed:
    """Lambda in front of the function: shards, batches, repetitions."""

    def __init__(self, clock: Clock, trouble: Trouble, random: Random, batches: Sequence[int] = BATCHES) -> None:
        self.bus = UnreliableBus(trouble)
        self.history = UnreliableHistory(trouble)
        self.dead_letters = UnreliableDeadLetters(clock, trouble)
        self._clock = clock
        self._trouble = trouble
        self._random = random
        self._batches = batches
        self._dependencies = ChangesDependencies(
            clock, read_raw, sequence_of_raw, self.dead_letters, self.bus, self.history, DAYS
        )

    async def deliver(self, records: Sequence[StreamRecord], unreadable: Collection[str] = ()) -> None:
        """All records, those of an object in order; after those with these numbers comes an unreadable one."""
        shards: dict[int, list[RawRecord]] = defaultdict(list)
        for record in records:
            shard = shards[sum(record.key.encode()) % SHARDS]
            shard.append(raw(record))
            if record.sequence in unreadable:
                shard.append({"record": KeyError("dynamodb"), "sequence": _after(record.sequence)})
        while waiting := [shard for shard in shards.values() if shard]:
            await self._invoke(self._random.choice(waiting))

    async def _invoke(self, shard: list[RawRecord]) -> None:
        """One invocation, with the next records of a shard. After a failure, the same records come again."""
        batch = shard[: self._random.choice(self._batches)]
        self._trouble.start()
        try:
            result = await publish_changes(batch, self._dependencies, deadline=self._clock.now() + TIME)
        except Killed:
            return
        left = [sequence_of_raw(one) for one in batch]
        done = left.index(result.resume_at) if result.resume_at is not None else len(batch)
        del shard[:done]


async def wrong_feed(mirror: MemoryMirror, clock: Clock, seed: int) -> Iterator[tuple[str, str]]:
    """What a consumer ends up with that differs from the mirror, by kind of violation."""
    assert isinstance(mirror.objects, StreamedItems)
    random = Random(f"the feed of seed {seed}")
    feed = Feed(clock, Trouble(random), random)
    unreadable = [one.sequence for one in mirror.objects.records if random.random() < UNREADABLE]
    await feed.deliver(mirror.objects.records, unreadable)
    return chain(wrong_events(mirror, feed, random), _wrong_history(mirror, feed.history), _lost(feed, unreadable))


def wrong_events(mirror: MemoryMirror, feed: Feed, random: Random) -> Iterator[tuple[str, str]]:
    """How the mirror that a consumer rebuilds from the events differs from the mirror, in any order and in theirs."""
    replay = Replay(lambda key, _: _rebuilt(mirror, _partition(mirror, key)))
    for event in _on_the_bus(feed.bus.events, random):
        replay.apply(event.detail_type, event.detail)
    return chain(_differences(mirror, replay), _wrong_in_order(mirror, feed.bus.events))


def _wrong_in_order(mirror: MemoryMirror, events: Sequence[BusEvent]) -> Iterator[tuple[str, str]]:
    """Who has each change once, in order, reads the mirror only for those that say that they are incomplete."""
    changes = {_key_and_token(json_body.parse(event.detail)): event for event in events}
    replay = Replay(lambda key, token: _rebuilt_then(mirror, _partition(mirror, key), token))
    for _, event in sorted(changes.items()):
        replay.apply(event.detail_type, event.detail)
    incomplete = [at for at, event in changes.items() if _needs_the_mirror(event)]
    if replay.reads != len(incomplete):
        yield "the mirror is read in order", f"{replay.reads} times, for {len(incomplete)} incomplete changes"
    for *key, token in incomplete:
        partition = _partition(mirror, (key[0], key[1], key[2]))
        if _fits(_record(mirror, partition, token)):
            yield "incomplete, and not large", partition
    yield from _differences(mirror, replay)


def _fits(record: StreamRecord) -> bool:
    """Whether an event has room for both states, whatever it shows of them."""
    bodies = [one.body if one is not None else {} for one in (record.before, record.after)]
    return all(body is not None for body in bodies) and sum(len(json_body.write(one or {})) for one in bodies) < ROOM


def _key_and_token(change: JsonObject) -> tuple[str, str, str, int]:
    token = change["token"]
    assert isinstance(token, int)
    return str(change["scope"]), str(change["type"]), str(change["id"]), token


def _needs_the_mirror(event: BusEvent) -> bool:
    return json_body.parse(event.detail)["complete"] is not True and not event.detail_type.endswith(".removed")


def _lost(feed: Feed, unreadable: Sequence[str]) -> Iterator[tuple[str, str]]:
    expected = {f'{{"sequence_number":"{_after(sequence)}"}}' for sequence in unreadable}
    yield from (("no dead letter", body) for body in expected ^ feed.dead_letters.quarantined)


def _after(sequence: str) -> str:
    return f"{sequence}.5"


def _on_the_bus(events: Sequence[BusEvent], random: Random) -> list[BusEvent]:
    """The events as a consumer gets them: some again, some later."""
    repeated = [(at + random.randint(0, LATE), event) for at, event in enumerate(events) if random.random() < 0.2]
    late = [(at + (random.randint(0, LATE) if random.random() < 0.2 else 0), event) for at, event in enumerate(events)]
    return [event for _, event in sorted([*late, *repeated], key=lambda pair: pair[0])]


def _differences(mirror: MemoryMirror, replay: Replay) -> Iterator[tuple[str, str]]:
    for partition, expected in _written(mirror).items():
        rebuilt = replay.objects.pop(_key_of(expected), None)
        if is_live(expected):
            if rebuilt is None or not rebuilt.live:
                yield "missing in the feed", partition
            elif _state(rebuilt) != _state(_rebuilt(mirror, partition)):
                yield "another in the feed", partition
        elif is_tombstone(expected) and (rebuilt is None or rebuilt.live):
            yield "not removed in the feed", partition
    yield from (("only in the feed", str(key)) for key, one in replay.objects.items() if one.live)


def _wrong_history(mirror: MemoryMirror, history: MemoryHistory) -> Iterator[tuple[str, str]]:
    """Each write has one entry, with the write that it has replaced; and where it changed something, the state before.

    It must be the same one however often its record came.
    """
    assert isinstance(mirror.objects, StreamedItems)
    expected: dict[str, dict[int, tuple[Write | None, str]]] = defaultdict(dict)
    for record in mirror.objects.records:
        if is_write(record.before, record.after):
            change = change_between(record.before, record.after)
            replaced = write_of(record.before.columns) if record.before is not None else None
            former = _body_of(change.before) if change is not None else "unchanged"
            expected[record.key][token_in(record.after.columns)] = replaced, former
    for key, writes in expected.items():
        if {one.write.token: (one.replaced, _former(one)) for one in history.entries(key)} != writes:
            yield "another in the history", key


def _former(entry: Entry) -> str:
    if entry.change is None:
        return "unchanged"
    data = (entry.change.former or {}).get("data")
    return json_body.canonical(data if isinstance(data, dict) else None)


def _body_of(stored: StoredObject | None) -> str:
    return json_body.canonical(stored.body if stored is not None else None)


def _state(rebuilt: Rebuilt) -> tuple[str, object, object]:
    return json_body.canonical(rebuilt.body), rebuilt.columns, rebuilt.members


def _written(mirror: MemoryMirror) -> dict[str, StoredObject]:
    """The objects as the last write has left them: what a hand has changed since is no change of Stripe's."""
    assert isinstance(mirror.objects, StreamedItems)
    return {record.key: record.after for record in mirror.objects.records}


def _key_of(stored: StoredObject) -> Key:
    return str(stored.columns["scope"]), str(stored.columns["type"]), id_in(stored.columns)


def _partition(mirror: MemoryMirror, key: Key) -> str:
    return next(partition for partition, stored in _written(mirror).items() if _key_of(stored) == key)


def _rebuilt(mirror: MemoryMirror, partition: str) -> Rebuilt:
    """An object as the mirror shows it."""
    stored = _written(mirror)[partition]
    return _shown(stored, mirror.body_of(partition) if stored.body is None else stored.body)


def _rebuilt_then(mirror: MemoryMirror, partition: str, token: int) -> Rebuilt:
    """An object as a write has stored it. A body of several items is there no more after the next change."""
    record = _record(mirror, partition, token)
    is_there = body_digest(record.after) == body_digest(_written(mirror)[partition])
    return _shown(
        record.after, mirror.body_of(partition) if record.after.body is None and is_there else record.after.body
    )


def _record(mirror: MemoryMirror, partition: str, token: int) -> StreamRecord:
    """The write of an object under this token."""
    assert isinstance(mirror.objects, StreamedItems)
    written = (one for one in mirror.objects.records if one.key == partition and is_write(one.before, one.after))
    (record,) = (one for one in written if token_in(one.after.columns) == token)
    return record


def _shown(stored: StoredObject, body: JsonObject | None) -> Rebuilt:
    columns = {name: value if isinstance(value := stored.columns.get(name), str) else None for name in COLUMNS}
    return Rebuilt(
        token_in(stored.columns),
        is_live(stored),
        body if is_live(stored) else None,
        body_digest(stored),
        {**columns},
        {name: {*ids} for name, ids in members_in(stored.columns).items()},
    )
