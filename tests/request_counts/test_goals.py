"""How many requests a change costs until nothing is on its way, by cause: the same numbers each time."""

import pytest

from .account import Account, Cause
from .scenarios import (
    Scenario,
    late_duplicates,
    life,
    month_end,
    month_end_in_steps,
    one_more_rate,
    rate_card,
    sign_ups,
)

ONE, FIVE = (50, 1), (10, 5)
"""Messages that a container receives at once, and containers at work."""


async def account_after(scenario: Scenario, way: tuple[int, int]) -> Account:
    account = Account(*way)
    await scenario(account)
    return account


@pytest.mark.parametrize("way", [ONE, FIVE], ids=["one container", "five containers"])
@pytest.mark.parametrize(
    ("scenario", "most"),
    [(life, 1.1), (sign_ups, 1.3), (rate_card, 215 / 202), (late_duplicates, 0.0)],
    ids=lambda value: value.__name__ if callable(value) else str(round(value, 2)),
)
async def test_the_goals(scenario: Scenario, most: float, way: tuple[int, int]) -> None:
    account = await account_after(scenario, way)
    assert account.counts.total() <= most * account.changed


async def test_two_hundred_rates_come_with_the_list_of_their_version() -> None:
    assert (await account_after(rate_card, ONE)).counts.total() <= 20


@pytest.mark.parametrize(
    ("scenario", "way", "counts"),
    [
        (sign_ups, ONE, {Cause.OBJECT: 30, Cause.REFERENCE: 10, Cause.SECOND_LOOK: 10}),
        (sign_ups, FIVE, {Cause.OBJECT: 30, Cause.REFERENCE: 10, Cause.SECOND_LOOK: 10}),
        (
            rate_card,
            ONE,
            {Cause.OBJECT: 2, Cause.OBJECT_AGAIN: 1, Cause.EVENT: 1, Cause.MEMBER_LIST: 3, Cause.SECOND_LOOK: 3},
        ),
        (
            rate_card,
            FIVE,
            {Cause.OBJECT: 42, Cause.OBJECT_AGAIN: 1, Cause.EVENT: 41, Cause.MEMBER_LIST: 3, Cause.SECOND_LOOK: 3},
        ),
        (one_more_rate, ONE, {Cause.OBJECT: 2, Cause.EVENT: 1, Cause.MEMBER_LIST: 4, Cause.SECOND_LOOK: 4}),
        (month_end, ONE, {Cause.OBJECT: 12, Cause.SUB_LIST: 14, Cause.SECOND_LOOK: 14}),
        (month_end_in_steps, FIVE, {Cause.OBJECT: 36, Cause.SUB_LIST: 42, Cause.SECOND_LOOK: 14}),
        (late_duplicates, ONE, {}),
        (life, ONE, {Cause.OBJECT: 15, Cause.REFERENCE: 1, Cause.SECOND_LOOK: 1}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_the_counts_by_cause(scenario: Scenario, way: tuple[int, int], counts: dict[Cause, int]) -> None:
    account = await account_after(scenario, way)
    assert {cause: count for cause, count in account.counts.items() if count} == counts


@pytest.mark.parametrize("way", [ONE, FIVE], ids=["one container", "five containers"])
@pytest.mark.parametrize("scenario", [sign_ups, rate_card, one_more_rate, month_end, month_end_in_steps, life])
async def test_the_mirror_then_equals_stripe(scenario: Scenario, way: tuple[int, int]) -> None:
    (await account_after(scenario, way)).require_equal()


async def test_late_duplicates_write_nothing() -> None:
    account = Account(*ONE)
    await sign_ups(account)
    await month_end(account)
    account.harness.clock.advance(3600)
    before = {**account.harness.mirror.objects}, {**account.harness.mirror.counters}
    await account.redeliver()
    assert ({**account.harness.mirror.objects}, {**account.harness.mirror.counters}) == before
