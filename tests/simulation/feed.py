"""The change feed of a schedule: the table's stream is published by a function that is late, repeated and killed.

A consumer that has seen all events, some of them again and some too late, has the mirror: all of it, and nothing else.
The feed reads no object, so it may run after the schedule: as late as a function can be.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random

from billing_mirror.changes.dependencies import ChangesDependencies, RawRecord
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import json_body
from billing_mirror.core.changes.change import COLUMNS, body_digest, change_between, is_live, is_tombstone, token_in
from billing_mirror.core.changes.history import Coverage, Entry
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.errors import TransientError
from billing_mirror.core.table.items import id_in, members_in
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.ports import BusEvent, Clock
from tests.doubles.changes import MemoryBus, MemoryHistory, StreamedItems, raw, read_raw, sequence_of_raw
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.replay import Key, Rebuilt, Replay

SHARDS = 2
BATCHES = (1, 3, 10, 100)
TIME = 100.0
DAYS = 30
TROUBLE = 0.06
"""The share of calls that fail, and of those whose answer is lost."""
DEATH = 0.03
"""The share of calls at which the function is killed: before or after it."""
LATE = 8
"""Events that may overtake another one on the bus."""


class Killed(BaseException):
    """The function is killed: no code of its own runs after that."""


@dataclass
class Trouble:
    """What happens at each call, as a seed decides; nothing, without a random."""

    random: Random | None
    kill_at: int = 0
    """The number of the half of a call (before it, or after it) at which the function is killed; 0: at none."""
    halves: int = 0
    struck: set[str] = field(default_factory=set)

    def before(self) -> None:
        self._perhaps_kill()
        if self.random and self.random.random() < TROUBLE:
            self.struck.add("refused")
            raise TransientError("AWS is busy")

    def after(self) -> None:
        self._perhaps_kill()
        if self.random and self.random.random() < TROUBLE:
            self.struck.add("answer lost")
            raise TransientError("AWS does not answer")

    def _perhaps_kill(self) -> None:
        self.halves += 1
        if self.halves == self.kill_at or (self.random and self.random.random() < DEATH):
            self.struck.add("killed")
            raise Killed


class UnreliableBus(MemoryBus):
    """A bus that fails, loses its answers, and takes a part of a request."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble
        random = trouble.random
        self.refuses = lambda _: random is not None and random.random() < TROUBLE

    async def put(self, events: Sequence[BusEvent]) -> Sequence[str]:
        self._trouble.before()
        answer = await super().put(events)
        self._trouble.after()
        return answer


class UnreliableHistory(MemoryHistory):
    """A history whose reads and writes fail, and whose writes lose their answers."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    async def coverage(self, scope: str, stream: str) -> Coverage | None:
        self._trouble.before()
        return await super().coverage(scope, stream)

    async def note_coverage(self, scope: str, coverage: Coverage) -> None:
        self._trouble.before()
        await super().note_coverage(scope, coverage)
        self._trouble.after()

    async def previous(self, key: str, token: int) -> Entry | None:
        self._trouble.before()
        return await super().previous(key, token)

    async def keep(self, key: str, entry: Entry) -> None:
        self._trouble.before()
        await super().keep(key, entry)
        self._trouble.after()

    async def note_left(self, scope: str, partition: str, key: str, entry: Entry) -> None:
        self._trouble.before()
        await super().note_left(scope, partition, key, entry)
        self._trouble.after()

    async def empty(self, key: str, now: float) -> None:
        self._trouble.before()
        await super().empty(key, now)
        self._trouble.after()


class Feed:
    """Lambda in front of the function: shards, batches, repetitions."""

    def __init__(self, clock: Clock, trouble: Trouble, random: Random) -> None:
        self.bus = UnreliableBus(trouble)
        self.history = UnreliableHistory(trouble)
        self.dead_letters = MemoryQueue(clock)
        self.invocations = 0
        self._clock = clock
        self._random = random
        self._dependencies = ChangesDependencies(
            clock, read_raw, sequence_of_raw, self.dead_letters, self.bus, self.history, DAYS
        )

    async def deliver(self, records: Sequence[StreamRecord]) -> None:
        """All records, those of an object in order."""
        shards: dict[int, list[RawRecord]] = defaultdict(list)
        for record in records:
            shards[sum(record.key.encode()) % SHARDS].append(raw(record))
        while waiting := [shard for shard in shards.values() if shard]:
            await self._invoke(self._random.choice(waiting))

    async def _invoke(self, shard: list[RawRecord]) -> None:
        """One invocation, with the next records of a shard. After a failure, the same records come again."""
        batch = shard[: self._random.choice(BATCHES)]
        self.invocations += 1
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
    await feed.deliver(mirror.objects.records)
    replay = Replay(lambda key: _rebuilt(mirror, _partition(mirror, key)))
    for event in _on_the_bus(feed.bus.events, random):
        replay.apply(event.detail_type, event.detail)
    return chain(_differences(mirror, replay), _wrong_history(mirror, feed.history))


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
    """Each change has one entry, with the state that it has ended, however often its record came."""
    assert isinstance(mirror.objects, StreamedItems)
    expected: dict[str, dict[int, str]] = defaultdict(dict)
    for record in mirror.objects.records:
        change = change_between(record.before, record.after)
        if change is not None:
            former = change.before.body if change.before is not None else None
            expected[record.key][change.token] = json_body.canonical(former)
    for key, states in expected.items():
        kept = {one.token: _former(one) for one in history.entries(key)}
        if kept != states:
            yield "another in the history", key


def _former(entry: Entry) -> str:
    data = (entry.former or {}).get("data")
    return json_body.canonical(data if isinstance(data, dict) else None)


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
    columns = {name: value if isinstance(value := stored.columns.get(name), str) else None for name in COLUMNS}
    body = mirror.body_of(partition) if stored.body is None else stored.body
    return Rebuilt(
        token_in(stored.columns),
        is_live(stored),
        body if is_live(stored) else None,
        body_digest(stored),
        {**columns},
        {name: {*ids} for name, ids in members_in(stored.columns).items()},
    )
