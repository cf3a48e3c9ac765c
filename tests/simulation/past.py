"""What the history says of a moment, compared with what was: right or unknown, whatever the function has missed.

Objects change while the stream is switched off, not read for more than a day, or read without keeping anything. Its
shards are read independently of each other, and split. Entries expire, objects are forgotten, and hands change both.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Flag, auto
from random import Random

from billing_mirror.adapters.table.attributes import body_in
from billing_mirror.changes.dependencies import ChangesDependencies
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import times
from billing_mirror.core.changes.as_of import StateAt, Unknown, state_at
from billing_mirror.core.changes.history import DAY
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item
from tests.doubles.changes import BEGINNING, MemoryHistory, StreamedItems, live, raw, read_raw, removed, sequence_of_raw
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import subscription

KEYS = tuple(f"test#rcds_{number}" for number in range(1, 5))
WITHOUT_CREATION = KEYS[-1]
"""An object whose body does not say when it was created."""
STATUSES = ("current", "past_due", "unpaid")
LAST_EVENT = ("last_event_at", "last_event_id")
WRITES = 40
DAYS = 3
MINUTE = 60.0
QUIET = (1, 10, 600, 900)
"""Minutes between two writes."""
OUTAGE = 40 * 60
"""As many: a function that has read nothing meanwhile has lost records."""


class Trouble(Flag):
    """Why not all reaches the history, or stays there."""

    NONE = 0
    LATE_SHARDS = auto()
    """Each shard is read when it is, some records again, and shards split. In the end some records are unread."""
    OUTAGES = auto()
    """The stream is off, or not read for more than a day."""
    SWITCHES = auto()
    """Records are read while no history is kept."""
    LOSSES = auto()
    """Any record may go to the dead letters, also of a change that the next one undoes."""
    EXPIRY = auto()
    """Entries expire, and DynamoDB deletes them within days, in any order."""
    ERASURES = auto()
    """Objects are erased."""
    HANDS = auto()
    """Hands change bodies, and delete items."""
    DAMAGE = auto()
    """Hands damage entries."""


EVERYTHING = ~Trouble.NONE
TROUBLES = (Trouble.NONE, *Trouble, Trouble.HANDS | Trouble.LOSSES, EVERYTHING)


@dataclass
class Shard:
    """A part of the stream: the writes of some keys, in order; of none, once it is split.

    Lambda reads it after the shard that it comes from.
    """

    keys: set[str]
    parent: "Shard | None" = None
    waiting: list[StreamRecord] = field(default_factory=list)

    @property
    def is_readable(self) -> bool:
        return self.parent is None or (not self.parent.waiting and self.parent.is_readable)


@dataclass
class Past:
    """A table over weeks, its history, and what its objects were."""

    random: Random
    trouble: Trouble
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGINNING))
    history: MemoryHistory = field(default_factory=MemoryHistory)
    items: StreamedItems = field(default_factory=StreamedItems)
    states: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: {key: [] for key in KEYS})
    """By key, the state that each change has made, and its moment by Stripe's clock or else ours."""
    fetched: dict[str, dict[int, float]] = field(default_factory=lambda: {key: {} for key in KEYS})
    """By key and token, when the fetch of each write started."""
    changed: dict[str, dict[int, float]] = field(default_factory=lambda: {key: {} for key in KEYS})
    """By key and token, the moments of the writes that changed something."""
    created: dict[str, float] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)
    """By the sequence number of a record, when DynamoDB wrote it."""
    by_hand: set[str] = field(default_factory=set)
    """The keys of the items that a hand has changed, and no write since."""
    shards: list[Shard] = field(default_factory=lambda: [Shard(set(KEYS[::2])), Shard(set(KEYS[1::2]))])
    tokens: Counter[str] = field(default_factory=Counter)
    days: int = DAYS

    async def live_through(self) -> None:
        for _ in range(WRITES):
            self.clock.advance(MINUTE * self._minutes())
            self._write(self.random.choice(KEYS))
            self._deliver()
            if self._strikes(Trouble.SWITCHES, 0.2):
                self.days = 0 if self.days else DAYS
            if self._strikes(Trouble.LATE_SHARDS, 0.1):
                self._split()
            for shard in self.shards:
                if not self._strikes(Trouble.LATE_SHARDS | Trouble.OUTAGES, 0.6) and shard.is_readable:
                    await self._read(shard)
            if Trouble.EXPIRY in self.trouble:
                self._expire()
            if self._strikes(Trouble.DAMAGE, 0.1):
                self._damage_entry()

    def answer(self, key: str, moment: float) -> StateAt | Unknown:
        return state_at(times.iso(moment), reversed(self.history.entries(key)), self.items.get(key))

    def kept(self, key: str) -> set[int]:
        """The tokens of the writes that have an entry."""
        return {entry.write.token for entry in self.history.entries(key)}

    def truth(self, key: str, moment: float) -> str | None:
        """The state after the last change at or before the moment, in the order of tokens.

        None where Stripe had the object, and the mirror not yet.
        """
        if moment < self.created.get(key, 0.0):
            return ""
        before = None if key in self.created else ""
        return next((state for at, state in reversed(self.states[key]) if at <= moment), before)

    def moments(self) -> Iterator[float]:
        """Those of all changes and creations, and around them."""
        changed = {at for states in self.states.values() for at, _ in states}
        for at in sorted(changed | {*self.created.values()}):
            yield from (at - 1, at, at + 1)

    def is_all_kept(self, key: str, moment: float) -> bool:
        """Whether each write since then must have an entry: nothing is lost, and all is read."""
        is_read = all(record.key != key for shard in self.shards for record in shard.waiting)
        since = self.clock.now() - DAYS * DAY if Trouble.EXPIRY in self.trouble else 0.0
        return self.trouble in Trouble.LATE_SHARDS | Trouble.EXPIRY and is_read and moment >= since

    def _strikes(self, kind: Trouble, share: float) -> bool:
        return bool(kind & self.trouble) and self.random.random() < share

    def _minutes(self) -> int:
        return OUTAGE if self._strikes(Trouble.OUTAGES, 0.1) else self.random.choice(QUIET)

    def _write(self, key: str) -> None:
        before, now = self.items.get(key), self.clock.now()
        is_deleted = before is not None and before.get("deleted") is True
        if before is not None and self._strikes(Trouble.HANDS, 0.2):
            self._change_by_hand(key, before)
        elif before is not None and not is_deleted and self.random.random() < 0.2:
            self._put(key, removed(before, self._claim(key)))
            self._change(key, now, "removed")
        elif before is not None and is_deleted and self._strikes(Trouble.ERASURES, 0.5):
            erased = {name: value for name, value in before.items() if name not in ("data", "digest")}
            self.items[key] = {**erased, "erased_at": times.iso(now)}
        else:
            self._put_live(key, before, now)

    def _claim(self, key: str) -> int:
        self.tokens[key] += 1
        return self.tokens[key]

    def _put_live(self, key: str, before: Item | None, now: float) -> None:
        status, event_at = self.random.choice(STATUSES), self._event_before(now)
        states = self.states[key]
        if not states and key != WITHOUT_CREATION:
            # Announced at once, or found by a backfill.
            self.created[key] = event_at or now - self.random.choice((0.0, 5.0, 5 * DAY))
        item = live(self._body(key, status), self._claim(key))
        self._put(key, {**item, **self._last_event(before, event_at)})
        if not states or states[-1][1] != status:
            is_announced = event_at and (before is None or times.iso(event_at) > str(before["fetched_at"]))
            self._change(key, event_at if is_announced else now, status)

    def _body(self, key: str, status: str) -> JsonObject:
        body = subscription(key.partition("#")[2], collection_status=status)
        created = {"created": times.iso(self.created[key])} if key in self.created else {"created": None}
        return {**body, **created}

    def _change_by_hand(self, key: str, item: Item) -> None:
        """Under the token that the item has. One that is deleted, maybe with its counter, makes no record for us."""
        body = item.get("data")
        if self._may_delete(key) and self.random.random() < 0.2:
            super(StreamedItems, self.items).pop(key)
            self.by_hand.discard(key)
            if key in self.created:
                self.tokens[key] *= self.random.choice((0, 1))
        elif isinstance(body, dict):
            self.items[key] = {
                **item,
                "data": {**body, "collection_status": self.random.choice((*STATUSES, "by hand"))},
            }
            self.by_hand.add(key)

    def _may_delete(self, key: str) -> bool:
        """Where nothing else is lost, its entries show that an object was there before."""
        return key in self.created or self.trouble is Trouble.HANDS

    def _event_before(self, now: float) -> float:
        """When an event was created that has led to a fetch now; 0 where none has."""
        return now - self.random.choice((2.0, 200.0)) if self.random.random() < 0.5 else 0.0

    def _last_event(self, before: Item | None, event_at: float) -> Item:
        known = {name: before[name] for name in LAST_EVENT if name in before} if before is not None else {}
        if event_at and times.iso(event_at) > str(known.get("last_event_at", "")):
            return {"last_event_at": times.iso(event_at), "last_event_id": f"evt_{event_at}"}
        return known

    def _put(self, key: str, item: Item) -> None:
        self.items[key] = {**item, "fetched_at": times.iso(self.clock.now())}
        self.fetched[key][self.tokens[key]] = self.clock.now()
        self.by_hand.discard(key)

    def _change(self, key: str, at: float, state: str) -> None:
        """What the last write has changed."""
        self.states[key].append((at, state))
        self.changed[key][self.tokens[key]] = at

    def _deliver(self) -> None:
        """DynamoDB adds what was written to the shard of its key, unless the stream is off: the next one is another."""
        new = self.items.records[len(self.written) :]
        self.written |= {record.sequence: self.clock.now() for record in new}
        if self._strikes(Trouble.OUTAGES, 0.1):
            self.shards = [Shard(shard.keys) for shard in self.shards]
            return
        for record in new:
            if not self._strikes(Trouble.LOSSES, 0.2):
                (shard,) = (one for one in self.shards if record.key in one.keys)
                shard.waiting.append(record)

    def _split(self) -> None:
        shard = self.random.choice(self.shards)
        if len(shard.keys) > 1:
            key = self.random.choice(sorted(shard.keys))
            self.shards += [Shard({key}, shard), Shard(shard.keys - {key}, shard)]
            shard.keys = set()

    async def _read(self, shard: Shard) -> None:
        """Everything that the shard still has, and some of it again, as after a function that was killed."""
        readable = [one for one in shard.waiting if not self._is_lost(one)]
        again = self.random.randint(1, 3) if self._strikes(Trouble.LATE_SHARDS, 0.3) else 0
        shard.waiting = readable[len(readable) - again :] if again else []
        history = self.history if self.days else None
        queue = MemoryQueue(self.clock)
        given = ChangesDependencies(self.clock, read_raw, sequence_of_raw, queue, None, history, self.days)
        result = await publish_changes([raw(one) for one in readable], given, deadline=self.clock.now() + 60)
        assert (result.resume_at, result.unreadable) == (None, [])

    def _is_lost(self, record: StreamRecord) -> bool:
        return Trouble.OUTAGES in self.trouble and self.clock.now() - self.written[record.sequence] >= DAY

    def _expire(self) -> None:
        for items in self.history.items.values():
            for at in [at for at, item in items.items() if _has_expired(item, self.clock.now())]:
                if self.random.random() < 0.5:
                    del items[at]

    def _damage_entry(self) -> None:
        entries = [items for items in self.history.items.values() if items]
        if entries:
            items = self.random.choice(entries)
            at = self.random.choice(sorted(items))
            items[at] = damaged(items[at], self.random)


def damaged(item: Item, random: Random) -> Item:
    """An entry that a hand has changed so that it is none: a column is missing, or holds something else."""
    missing = random.choice(("token", "fetched_at", "state", "expires_at"))
    lacking = {name: value for name, value in item.items() if name != missing}
    return random.choice(
        [lacking, {**item, "token": "7"}, {**item, "fetched_at": "soon"}, {**item, "kind": "updated", "former_z": b"?"}]
    )


async def wrong_past(seed: int, trouble: Trouble) -> list[str]:
    """Answers that are wrong, and those that are missing although the history has all that it takes."""
    past = Past(Random(f"the past of seed {seed}"), trouble)
    await past.live_through()
    return [problem for key in KEYS for moment in past.moments() for problem in _problems(past, key, moment)]


def _problems(past: Past, key: str, moment: float) -> Iterator[str]:
    answer, truth = past.answer(key, moment), past.truth(key, moment)
    where = f"{key} at {times.iso(moment)}"
    if isinstance(answer, Unknown):
        if truth is not None and _must_be_known(past, key, moment):
            yield f"{where}: unknown, and was {truth!r}"
        # Where a hand has deleted a counter, entries of two lives are mixed, and their times are in no order.
        is_in_order = answer.since is not None and Trouble.HANDS not in past.trouble
        if is_in_order and isinstance(past.answer(key, times.seconds(str(answer.since))), Unknown):
            yield f"{where}: said to be known since {answer.since}"
    elif _state(answer.item) != truth:
        yield f"{where}: {_state(answer.item)!r}, and was {truth!r}"


def _must_be_known(past: Past, key: str, moment: float) -> bool:
    """What the entries show that are kept, or must be; and the present state, from its fetch on.

    A state is shown by the entry of the change that has ended it, since its oldest write down to which each has an
    entry. Where that is the write of its change, since the change. Of what hands have changed, only the present counts.
    """
    present = past.items.get(key)
    if present is None or key in past.by_hand:
        return False
    if Trouble.HANDS in past.trouble:
        return moment >= times.seconds(str(present["fetched_at"]))
    if past.is_all_kept(key, moment):
        return True
    kept, is_shown = past.kept(key), True
    for token in sorted(past.fetched[key], reverse=True):
        if is_shown and moment >= past.fetched[key][token]:
            return True
        changed_at = past.changed[key].get(token)
        is_shown &= token in kept
        if changed_at is not None:
            if changed_at <= moment:
                return is_shown
            is_shown = token in kept
    return is_shown


def _state(item: Item | None) -> str:
    if item is None:
        return ""
    return "removed" if item.get("deleted") is True else str((body_in(item) or {})["collection_status"])


def _has_expired(item: Item, now: float) -> bool:
    expires_at = item.get("expires_at")
    return isinstance(expires_at, int) and expires_at < now
