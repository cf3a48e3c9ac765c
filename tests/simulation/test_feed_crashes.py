"""Wherever the changes function is killed, once or twice: a replay gives the mirror, and the history is right."""

import asyncio
from collections.abc import Iterator
from itertools import combinations
from random import Random

import pytest

from billing_mirror.core.table.items import Item, id_in
from tests.doubles.changes import StreamedItems, live, removed
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import rate, subscription

from .feed import Feed, Trouble, wrong_events

BATCHES = (1, 4, 100)
NEAREST = 6
"""Calls' halves after the first kill within which the second one happens."""
UNREADABLE = ("3",)


def written() -> Iterator[Item]:
    """An object in every kind of change, one that moves to another customer, and one that is erased."""
    yield live(subscription(collection_status="current"), 1)
    yield live(rate(), 1)
    yield live(subscription(collection_status="past_due"), 2, event="evt_2")
    yield live(subscription(collection_status="past_due"), 3)
    yield live(rate(), 2, customer="cus_2")
    yield removed(live(subscription(collection_status="past_due"), 3), 4)
    yield live(subscription(collection_status="current"), 5)
    forgotten = live(rate("rcdr_2"), 1)
    deleted = removed(forgotten, 2)
    yield from (forgotten, deleted)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")}
    yield {**erased, "erased_at": "2026-01-01T00:00:00.000Z"}


class CrashScenario:
    """The function reads all that was written, and is killed at these halves of its calls."""

    def __init__(self, kill_at: tuple[int, ...], batch: int) -> None:
        self.clock = ManualClock()
        self.mirror = MemoryMirror()
        self.mirror.objects = StreamedItems()
        for item in written():
            self.mirror.objects[f"test#{id_in(item)}"] = item
        self.trouble = Trouble(kill_at=frozenset(kill_at))
        self.feed = Feed(self.clock, self.trouble, Random(0), (batch,))

    def run(self) -> "CrashScenario":
        assert isinstance(self.mirror.objects, StreamedItems)
        asyncio.run(self.feed.deliver(self.mirror.objects.records, UNREADABLE))
        return self

    def kept(self) -> object:
        """All that the function has written but events."""
        history = self.feed.history
        return history.items, self.feed.dead_letters.quarantined

    def wrong(self) -> list[tuple[str, str]]:
        return [*wrong_events(self.mirror, self.feed, Random(0))]


@pytest.fixture(scope="module", params=BATCHES)
def undisturbed(request: pytest.FixtureRequest) -> tuple[int, CrashScenario]:
    return request.param, CrashScenario((), request.param).run()


def test_the_scenario_has_every_kind_of_call(undisturbed: tuple[int, CrashScenario]) -> None:
    _, scenario = undisturbed
    history = scenario.feed.history
    ended = [one.change for one in history.entries("test#rcds_1")]
    kinds = [one.kind if one is not None else "unchanged" for one in ended]
    assert kinds == ["created", "updated", "unchanged", "removed", "restored"]
    assert (len(history.items["test#rcdr_2"]), history.entries("test#rcdr_2")) == (2, []), "emptied"
    assert len(scenario.feed.dead_letters.quarantined) == 1
    assert scenario.wrong() == []


def test_every_crash_and_pair_of_crashes_is_recovered_from(
    undisturbed: tuple[int, CrashScenario], capsys: pytest.CaptureFixture[str]
) -> None:
    batch, whole = undisturbed
    halves = range(1, whole.trouble.halves + 1)
    points = [(one,) for one in halves] + [pair for pair in combinations(halves, 2) if pair[1] - pair[0] <= NEAREST]
    for point in points:
        scenario = CrashScenario(point, batch).run()
        assert "killed" in scenario.trouble.struck
        assert (point, scenario.wrong(), scenario.kept()) == (point, [], whole.kept())
    with capsys.disabled():
        print(f" {len(points)} crashes ", end="")
