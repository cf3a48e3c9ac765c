"""Slots are spread over the available time, and delay nothing where no time is left."""

import asyncio
from random import Random

import pytest

from billing_mirror.reconcile.even_spread import EvenSpread
from tests.simulation.loop import SimulatedLoop


class LoopClock:
    """Implements ``ports.Clock`` in the loop's time: other tasks run during a sleep."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def started(*, until: float, each: float = 0.0, count: int = 10, at_once: int = 4) -> list[float]:
    """When each slot starts, in seconds; each slot takes ``each`` seconds."""
    times: list[float] = []

    async def one(spread: EvenSpread) -> None:
        async with spread.next():
            times.append(LoopClock().now())
            await asyncio.sleep(each)

    async def all_of_them() -> None:
        spread = EvenSpread(count, LoopClock(), at_once=at_once, until=until)
        await asyncio.gather(*(one(spread) for _ in range(count)))

    SimulatedLoop(Random(7)).run(all_of_them())  # type: ignore[abstract]
    return times


@pytest.mark.parametrize("each", [0.0, 0.01, 0.3])
def test_slots_start_at_even_intervals(each: float) -> None:
    assert started(until=1.0, each=each) == pytest.approx([number / 10 for number in range(10)])


def test_slots_longer_than_the_time_are_not_spread() -> None:
    assert started(until=1.0, each=2.0, count=6, at_once=2) == pytest.approx([0.0, 1 / 6, 2.0, 13 / 6, 4.0, 25 / 6])


def test_late_slots_catch_up() -> None:
    assert started(until=4.0, each=2.5, count=4, at_once=1) == pytest.approx([0.0, 2.5, 5.0, 7.5])


@pytest.mark.parametrize("until", [0.0, -5.0])
def test_no_slot_waits_where_no_time_is_left(until: float) -> None:
    assert started(until=until) == [0.0] * 10


def test_no_more_slots_run_at_once_than_allowed() -> None:
    assert started(until=0.0, each=1.0) == [0.0] * 4 + [1.0] * 4 + [2.0] * 2
