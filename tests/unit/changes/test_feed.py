"""A batch of the stream is published in order, at least once, and no record stops it."""

import asyncio

import pytest

from billing_mirror.changes.dependencies import ChangesDependencies, FeedResult, RawRecord
from billing_mirror.changes.feed import MAX_EVENTS, publish_changes
from billing_mirror.core import json_body
from billing_mirror.core.changes.history import Entry
from billing_mirror.core.table.items import Item, id_in
from tests.doubles.changes import (
    MemoryBus,
    MemoryHistory,
    StreamedItems,
    live,
    raw,
    read_raw,
    removed,
    sequence_of_raw,
)
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import rate, subscription

UNREADABLE = "a record of the stream cannot be read: KeyError"
POISON: RawRecord = {"record": KeyError("dynamodb"), "sequence": "poison"}


class Table:
    """A table, its stream, and what reads it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.items = StreamedItems()
        self.bus = MemoryBus()
        self.history: MemoryHistory = MemoryHistory()
        self.dead_letters = MemoryQueue(self.clock)

    def write(self, item: Item) -> None:
        self.items[f"test#{id_in(item)}"] = item

    def records(self) -> list[RawRecord]:
        return [raw(record) for record in self.items.records]

    async def publish(self, batch: list[RawRecord] | None = None, *, seconds: float = 60.0) -> FeedResult:
        dependencies = ChangesDependencies(
            self.clock, read_raw, sequence_of_raw, self.dead_letters, self.bus, self.history, 30
        )
        chosen = self.records() if batch is None else batch
        return await publish_changes(chosen, dependencies, deadline=self.clock.now() + seconds)

    def tokens(self) -> list[tuple[str, object]]:
        parsed = [json_body.parse(event.detail) for event in self.bus.events]
        return [(str(one["id"]), one["token"]) for one in parsed]


async def test_changes_of_an_object_are_published_in_the_order_of_tokens() -> None:
    table = Table()
    for token in (1, 2, 3):
        table.write(live(subscription(collection_status=f"s{token}"), token))
    result = await table.publish()
    assert table.tokens() == [("rcds_1", 1), ("rcds_1", 2), ("rcds_1", 3)]
    assert table.bus.requests == [1, 1, 1], "one request could be taken in part, and out of order"
    assert (result.resume_at, len(result.published), result.unchanged) == (None, 3, 0)


async def test_objects_share_requests_of_ten() -> None:
    table = Table()
    for number in range(MAX_EVENTS + 3):
        table.write(live(rate(f"rcdr_{number}"), 1))
    await table.publish()
    assert table.bus.requests == [10, 3]


async def test_a_write_that_changed_nothing_is_not_published() -> None:
    table = Table()
    for token in (1, 2):
        table.write(live(subscription(), token))
    result = await table.publish()
    assert table.tokens() == [("rcds_1", 1)]
    assert result.unchanged == 1
    assert [one.change is not None for one in table.history.entries("test#rcds_1")] == [True, False]


async def test_from_a_failed_record_on_all_are_delivered_again() -> None:
    table = Table()
    for number in range(4):
        table.write(live(rate(f"rcdr_{number}"), 1))
    table.bus.refuses = lambda event: '"rcdr_2"' in event.detail
    result = await table.publish(seconds=0.1)
    assert result.resume_at == "2"
    assert "busy" in result.reason
    assert [one.id for one in result.published] == ["rcdr_0", "rcdr_1"]


async def test_an_outage_of_seconds_passes_within_the_invocation() -> None:
    """Lambda repeats a batch only so often."""
    table = Table()
    table.write(live(rate(), 1))
    up_at = table.clock.now() + 20
    table.bus.refuses = lambda _: table.clock.now() < up_at
    result = await table.publish()
    assert (result.resume_at, table.tokens()) == (None, [("rcdr_1", 1)])


@pytest.mark.parametrize("calls", range(2))
async def test_an_outage_of_the_history_passes_within_the_invocation(calls: int) -> None:
    """Whichever of its calls the outage begins with."""
    table = Table()
    table.write(live(rate(), 1))
    table.write(removed(live(rate(), 1), 2))
    made = iter(range(1000))
    up_at = table.clock.now() + 20
    table.history.is_down = lambda: next(made) >= calls and table.clock.now() < up_at
    result = await table.publish()
    assert (result.resume_at, table.tokens()) == (None, [("rcdr_1", 1), ("rcdr_1", 2)])
    assert len(table.history.entries("test#rcdr_1")) == 2
    assert table.clock.now() >= up_at


async def test_nothing_is_published_before_its_former_state_is_kept() -> None:
    """Else a change without an entry would be acknowledged once the bus has taken it."""
    table = Table()
    table.write(live(rate(), 1))
    table.history.is_down = lambda: True
    result = await table.publish(seconds=5)
    assert (result.resume_at, table.tokens()) == ("0", [])


async def test_a_poison_record_goes_to_the_dead_letters_and_stops_nothing() -> None:
    table = Table()
    for number in range(2):
        table.write(live(rate(f"rcdr_{number}"), 1))
    first, second = table.records()
    result = await table.publish([first, POISON, second])
    assert [identifier for identifier, _ in table.tokens()] == ["rcdr_0", "rcdr_1"]
    assert (result.resume_at, result.unreadable) == (None, [UNREADABLE])
    assert table.dead_letters.quarantined == [('{"sequence_number":"poison"}', UNREADABLE)]


@pytest.mark.parametrize("by_hand", [{"fetched_at": "yesterday"}, {"fetched_at": None}, {"type": None}])
async def test_an_item_that_a_hand_has_damaged_goes_to_the_dead_letters_at_once(by_hand: Item) -> None:
    """Else the whole batch would be repeated a hundred times."""
    table = Table()
    damaged: Item = {name: value for name, value in {**live(rate("rcdr_0"), 1), **by_hand}.items() if value is not None}
    for item in (damaged, live(rate("rcdr_1"), 1), live(rate("rcdr_2"), 1)):
        table.write(item)
    result = await table.publish()
    assert (result.resume_at, len(result.unreadable), len(table.dead_letters.quarantined)) == (None, 1, 1)
    assert [identifier for identifier, _ in table.tokens()] == ["rcdr_1", "rcdr_2"]
    assert [len(table.history.entries(f"test#rcdr_{number}")) for number in range(3)] == [0, 1, 1]


async def test_a_damaged_entry_stops_nothing() -> None:
    """The function reads none."""
    table = Table()
    table.write(live(subscription(), 1))
    await table.publish()
    for at in table.history.items["test#rcds_1"]:
        table.history.items["test#rcds_1"][at] = {"token": "no number", "former_z": b"?"}
    table.write(live(subscription(collection_status="past_due"), 2))
    result = await table.publish(table.records()[1:])
    assert (result.resume_at, result.unreadable) == (None, [])
    assert [one.write.token for one in table.history.entries("test#rcds_1")] == [2]


async def test_a_batch_without_time_is_delivered_again() -> None:
    table = Table()
    table.write(live(rate(), 1))
    result = await table.publish(seconds=0)
    assert (result.resume_at, result.reason, table.bus.events) == ("0", "out of time", [])


async def test_a_repeated_batch_publishes_again_and_keeps_one_entry() -> None:
    table = Table()
    for token in (1, 2):
        table.write(live(subscription(collection_status=f"s{token}"), token))
    await table.publish()
    kept = {key: {**items} for key, items in table.history.items.items()}
    await table.publish()
    assert [token for _, token in table.tokens()] == [1, 2, 1, 2]
    assert table.history.items == kept


async def test_an_erasure_empties_the_history_and_is_not_published() -> None:
    """Also of states that a late function has kept only after the customer was forgotten: the stream has an order."""
    table = Table()
    held = live(subscription(), 1)
    deleted = removed(held, 2)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")}
    for item in (held, deleted, {**erased, "erased_at": "2026-01-01T00:00:00.000Z"}):
        table.write(item)
    result = await table.publish()
    assert len(result.published) == 2
    assert table.history.entries("test#rcds_1") == []
    await table.publish()
    assert table.history.entries("test#rcds_1") == []


class LongHistory(MemoryHistory):
    """Emptying some entries takes ten seconds."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def empty(self, key: str, now: float) -> bool:
        self._clock.advance(10.0)
        return await super().empty(key, now)


async def test_a_long_history_is_emptied_over_several_invocations() -> None:
    """Each one ends in time, and continues where the last one ended."""
    table = Table()
    table.history = LongHistory(table.clock)
    for token in range(1, 9):
        table.write(live(subscription(collection_status=f"s{token}"), token))
    deleted = removed(live(subscription(), 8), 9)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")}
    for item in (deleted, {**erased, "erased_at": "2026-01-01T00:00:00.000Z"}):
        table.write(item)
    last = table.records()[-1:]
    first = await table.publish(seconds=25.0)
    assert (first.resume_at, first.reason) == (
        "9",
        "the history of an erased object is long: its other entries are emptied next time",
    )
    assert len(table.history.entries("test#rcds_1")) == 3
    assert (await table.publish(last, seconds=25.0)).resume_at is None
    assert table.history.entries("test#rcds_1") == []


class SlowHistory(MemoryHistory):
    """It takes some turns of the event loop to keep an entry; for an object that it ``refuses``, its code fails."""

    def __init__(self, refuses: str = "") -> None:
        super().__init__()
        self._refuses = refuses

    async def keep(self, key: str, entry: Entry) -> None:
        if key == self._refuses:
            raise ZeroDivisionError
        for _ in range(5):
            await asyncio.sleep(0)
        await super().keep(key, entry)


async def test_a_failure_leaves_nothing_running_behind_it() -> None:
    """Lambda freezes the container, and thaws it for other records."""
    table = Table()
    table.history = SlowHistory(refuses="test#rcdr_0")
    for number in range(2):
        table.write(live(rate(f"rcdr_{number}"), 1))
    with pytest.raises(ZeroDivisionError):
        await table.publish()
    assert len(table.history.entries("test#rcdr_1")) == 1


async def test_nothing_of_an_erased_object_is_kept_after_the_erasure() -> None:
    """Not even that a write changed nothing: the writes of one object are kept one after the other."""
    table = Table()
    table.history = SlowHistory()
    deleted = removed(live(subscription(), 1), 2)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")}
    for item in (deleted, {**deleted, "token": 3}, {**erased, "token": 3, "erased_at": "2026-01-01T00:00:00.000Z"}):
        table.write(item)
    await table.publish()
    assert table.history.entries("test#rcds_1") == []
    assert len(table.history.items["test#rcds_1"]) == 2
