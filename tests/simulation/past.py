"""What the history says of a moment, compared with what was: right or unknown, whatever the function has missed.

Objects change while the stream is switched off, or is not read for more than a day; what a function has not read by
then is lost to it. Entries expire, and objects are forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from random import Random

from billing_mirror.adapters.table.attributes import body_in
from billing_mirror.changes.dependencies import ChangesDependencies
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import times
from billing_mirror.core.changes.as_of import StateAt, state_at
from billing_mirror.core.changes.history import DAY, Entry
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.table.items import Item
from tests.doubles.changes import BEGINNING, MemoryHistory, StreamedItems, live, raw, read_raw, removed, sequence_of_raw
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import subscription

KEYS = ("test#rcds_1", "test#rcds_2")
STATUSES = ("current", "past_due", "unpaid")
LAST_EVENT = ("last_event_at", "last_event_id")
WRITES = 24
DAYS = 3
MINUTE = 60.0
QUIET = (1, 10, 600, 900)
"""Minutes between two writes."""
OUTAGE = 40 * 60
"""As many: a function that has read nothing meanwhile has lost records."""


class Trouble(Enum):
    """Why not all reaches the history."""

    NONE = auto()
    OUTAGES = auto()
    """The stream is off, or not read for more than a day."""
    ERASURES = auto()
    """Entries expire, and objects are erased."""
    DEAD_LETTERS = auto()
    """Some changes are put aside: of objects whose changes before are known, and not undone by the change after."""


@dataclass
class Past:
    """A table over weeks, its history, and what its objects were."""

    random: Random
    trouble: Trouble
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGINNING))
    history: MemoryHistory = field(default_factory=MemoryHistory)
    states: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: {key: [] for key in KEYS})
    """By key, the state that each change has made, and its moment by Stripe's clock or else ours."""
    waiting: list[StreamRecord] = field(default_factory=list)
    started_at: float = 0.0
    token: int = 0
    stream: int = 1
    undone: dict[str, str] = field(default_factory=dict)
    """By key, the state before the change that was put aside: no digest would show another one that goes back to it."""

    def __post_init__(self) -> None:
        self.items = StreamedItems(self.clock.now)

    async def live_through(self) -> None:
        for _ in range(WRITES):
            self.clock.advance(MINUTE * self._minutes())
            self.started_at = self.started_at or self.clock.now()
            self._write(self.random.choice(KEYS))
            if self.trouble is Trouble.OUTAGES and self.random.random() < 0.15:
                # It was off meanwhile, and is another one.
                self.stream += 1
                self.waiting.clear()
            elif not self._is_put_aside():
                self.waiting += [replace(one, stream=f"stream {self.stream:03}") for one in self.items.records]
            self.items.records.clear()
            if self.trouble is not Trouble.OUTAGES or self.random.random() < 0.7:
                await self._read_stream()
            if self.trouble is Trouble.ERASURES:
                self._expire()

    def answer(self, key: str, moment: float) -> StateAt | None:
        """None where nothing was ever read."""
        if not self.history.noted:
            return None
        _, coverage = max(self.history.noted.items())
        items = self.history.items.get(key, {})
        entries = filter(None, (Entry.from_item(items[at]) for at in sorted(items, reverse=True)))
        return state_at(times.iso(moment), entries, self.items.get(key), coverage, now=self.clock.now())

    def truth(self, key: str, moment: float) -> str:
        """The state after the last change at or before the moment, in the order of tokens."""
        return next((state for at, state in reversed(self.states[key]) if at <= moment), "")

    def moments(self) -> Iterator[float]:
        """Those of all changes, and around them."""
        for at in sorted({at for states in self.states.values() for at, _ in states}):
            yield from (at - 1, at, at + 1)

    def _minutes(self) -> int:
        is_out = self.trouble is Trouble.OUTAGES and self.random.random() < 0.1
        return OUTAGE if is_out else self.random.choice(QUIET)

    def _write(self, key: str) -> None:
        self.token += 1
        before, now = self.items.get(key), self.clock.now()
        states, undone = self.states[key], self.undone.get(key, "")
        is_deleted = before is not None and before.get("deleted") is True
        if before is not None and not is_deleted and undone != "removed" and self.random.random() < 0.2:
            self._put(key, removed(before, self.token))
            states.append((now, "removed"))
        elif before is not None and is_deleted and self.trouble is Trouble.ERASURES and self.random.random() < 0.5:
            erased = {name: value for name, value in before.items() if name not in ("data", "digest")}
            self.items[key] = {**erased, "erased_at": times.iso(now)}
        else:
            status = self.random.choice([one for one in STATUSES if one != undone])
            item = {**live(subscription(key.partition("#")[2], collection_status=status), self.token)}
            event_at = self._event_before(now)
            self._put(key, {**item, **self._last_event(before, event_at)})
            if not states or states[-1][1] != status:
                is_announced = event_at and (before is None or times.iso(event_at) > str(before["fetched_at"]))
                states.append((event_at if is_announced else now, status))

    def _is_put_aside(self) -> bool:
        """Whether the function could not read the last record."""
        (record,) = self.items.records
        states = self.states[record.key]
        if self.trouble is not Trouble.DEAD_LETTERS or record.key in self.undone or len(states) < 2:
            return False
        self.undone[record.key] = states[-2][1]
        return True

    def _event_before(self, now: float) -> float:
        """When an event was created that has led to a fetch now; 0 where none has."""
        return now - self.random.choice((2.0, 200.0)) if self.random.random() < 0.5 else 0.0

    def _last_event(self, before: Item | None, event_at: float) -> Item:
        known = {name: before[name] for name in LAST_EVENT if name in before} if before is not None else {}
        if event_at and times.iso(event_at) > str(known.get("last_event_at", "")):
            return {"last_event_at": times.iso(event_at), "last_event_id": f"evt_{self.token}"}
        return known

    def _put(self, key: str, item: Item) -> None:
        self.items[key] = {**item, "fetched_at": times.iso(self.clock.now())}

    async def _read_stream(self) -> None:
        readable = [one for one in self.waiting if self.clock.now() - one.written_at < DAY]
        self.waiting.clear()
        queue = MemoryQueue(self.clock)
        given = ChangesDependencies(self.clock, read_raw, sequence_of_raw, queue, None, self.history, DAYS)
        await publish_changes([raw(one) for one in readable], given, deadline=self.clock.now() + 60)

    def _expire(self) -> None:
        """DynamoDB deletes what has expired within days."""
        for items in self.history.items.values():
            for at in [at for at, item in items.items() if _expired(item, self.clock.now())]:
                del items[at]


async def wrong_past(seed: int, trouble: Trouble) -> list[str]:
    """Answers that are wrong, and without trouble those that are missing."""
    past = Past(Random(f"the past of seed {seed}"), trouble)
    await past.live_through()
    return [problem for key in KEYS for moment in past.moments() for problem in _problems(past, key, moment)]


def _problems(past: Past, key: str, moment: float) -> Iterator[str]:
    answer, truth = past.answer(key, moment), past.truth(key, moment)
    where = f"{key} at {times.iso(moment)}"
    if answer is None or answer.since > times.iso(moment):
        if past.trouble is Trouble.NONE and moment >= max(past.started_at, past.clock.now() - (DAYS - 1) * DAY):
            yield f"{where}: unknown, and was {truth!r}"
    elif _state(answer.item) != truth:
        yield f"{where}: {_state(answer.item)!r}, and was {truth!r}"


def _state(item: Item | None) -> str:
    if item is None:
        return ""
    return "removed" if item.get("deleted") is True else str((body_in(item) or {})["collection_status"])


def _expired(item: Item, now: float) -> bool:
    expires_at = item.get("expires_at")
    return isinstance(expires_at, int) and expires_at < now
