"""Turns are spread over the time there is, and cost no time that there is not."""

import asyncio

import pytest

from billing_mirror.flows.turns import Turns
from tests.doubles.clock import ManualClock


async def begun(clock: ManualClock, *, until: float, each: float = 0.0, count: int = 10) -> list[float]:
    """When each of some turns has begun, in seconds since the first might; ``each`` takes so long."""
    started = clock.now()
    turns = Turns(count, clock, at_once=4, until=started + until)
    times = []

    async def one() -> None:
        async with turns.next():
            times.append(clock.now() - started)
            clock.advance(each)

    await asyncio.gather(*(one() for _ in range(count)))
    return times


async def test_turns_begin_at_even_intervals() -> None:
    assert await begun(ManualClock(), until=1.0) == pytest.approx([number / 10 for number in range(10)])


async def test_who_is_late_catches_up() -> None:
    clock = ManualClock()
    turns = Turns(4, clock, at_once=4, until=clock.now() + 4.0)
    started, times = clock.now(), []
    for late in (2.5, 0.0, 0.0, 0.0):
        async with turns.next():
            times.append(clock.now() - started)
            clock.advance(late)
    assert times == pytest.approx([0.0, 2.5, 2.5, 3.0])


async def test_turns_that_take_longer_than_there_is_time_are_not_spread() -> None:
    clock = ManualClock()
    started = clock.now()
    await begun(clock, until=1.0, each=0.5)
    assert clock.now() - started == pytest.approx(5.0)


@pytest.mark.parametrize("until", [0.0, -5.0])
async def test_nobody_waits_where_there_is_no_time_left(until: float) -> None:
    assert await begun(ManualClock(), until=until) == [0.0] * 10


async def test_no_more_are_under_way_than_may_be() -> None:
    clock = ManualClock()
    turns = Turns(10, clock, at_once=4, until=clock.now())
    under_way, most = 0, 0

    async def one() -> None:
        nonlocal under_way, most
        async with turns.next():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(one() for _ in range(10)))
    assert most == 4
