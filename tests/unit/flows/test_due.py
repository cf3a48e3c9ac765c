"""Which types a tick of the schedule looks at, and in which order."""

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED, TYPES, Nature, ObjectType
from billing_mirror.core.items import Item
from billing_mirror.core.subject import Scope
from billing_mirror.flows.due import due

from .conftest import House

HOUR = 3600.0
HOURLY, DAILY, WEEKLY = TYPES["v2.billing.rate_card_subscription"], TYPES["customer"], TYPES["product"]


async def was_passed(
    house: House, row: ObjectType, ago: float, *, complete: bool = True, refused: bool = False, **counts: int
) -> None:
    started = house.clock.now() - ago
    entry: Item = {"started_at": times.iso(started), "complete": complete, "refused": refused, **counts}
    await house.mirror.record(Scope(livemode=False), f"run:{row.name}", started, entry)


async def names(house: House, *rows: ObjectType) -> list[str]:
    return [row.name for row in await due(rows, house.world)]


def test_there_is_a_type_of_each_pace() -> None:
    assert [row.reconciled_after for row in (HOURLY, DAILY, WEEKLY)] == [1, 24, 168]
    assert (DAILY.nature, WEEKLY.nature) == (Nature.ACTIVITY, Nature.PRICING)


async def test_what_was_never_passed_is_due_in_the_order_of_the_catalog(house: House) -> None:
    assert await names(house, *RECONCILED) == [row.name for row in RECONCILED]


@pytest.mark.parametrize("row", [HOURLY, DAILY, WEEKLY], ids=lambda row: row.name)
async def test_a_type_is_due_when_its_hours_are_over(house: House, row: ObjectType) -> None:
    await was_passed(house, row, row.reconciled_after * HOUR - 2400)
    assert await names(house, row) == []
    house.clock.advance(600)
    assert await names(house, row) == [row.name]


async def test_a_tick_that_comes_a_little_early_counts(house: House) -> None:
    await was_passed(house, HOURLY, HOUR - 200)
    assert await names(house, HOURLY) == [HOURLY.name]


async def test_a_pass_that_did_not_end_is_made_again_at_once(house: House) -> None:
    await was_passed(house, WEEKLY, 1200, complete=False)
    assert await names(house, WEEKLY) == [WEEKLY.name]


async def test_a_type_that_stripe_refuses_is_not_asked_for_at_each_tick(house: House) -> None:
    await was_passed(house, DAILY, 22 * HOUR, complete=False, refused=True)
    assert await names(house, DAILY) == []
    house.clock.advance(2 * HOUR)
    assert await names(house, DAILY) == [DAILY.name]


@pytest.mark.parametrize("livemode", [True, False])
async def test_what_is_only_in_test_mode_is_only_asked_for_there(house: House, livemode: bool) -> None:
    house.stripe.livemode = livemode
    clock = TYPES["test_helpers.test_clock"]
    assert await names(house, clock, DAILY) == [*([] if livemode else [clock.name]), DAILY.name]


async def test_only_the_last_pass_counts(house: House) -> None:
    await was_passed(house, DAILY, 2 * HOUR, complete=False)
    await was_passed(house, DAILY, 1 * HOUR)
    assert await names(house, DAILY) == []


async def test_what_was_tried_longest_ago_comes_first(house: House) -> None:
    """Else a pass that never ends in time would keep the others from theirs."""
    invoice, quote = TYPES["invoice"], TYPES["quote"]
    await was_passed(house, DAILY, 1200, complete=False)
    await was_passed(house, invoice, 30 * HOUR)
    await was_passed(house, quote, 40 * HOUR, complete=False)
    assert await names(house, DAILY, invoice, quote, WEEKLY) == [WEEKLY.name, "quote", "invoice", DAILY.name]


async def test_what_is_due_each_hour_comes_before_all_that(house: House) -> None:
    await was_passed(house, HOURLY, HOUR)
    await was_passed(house, DAILY, 50 * HOUR)
    assert await names(house, DAILY, HOURLY, WEEKLY) == [HOURLY.name, WEEKLY.name, DAILY.name]


async def test_what_is_due_each_hour_comes_first_even_if_it_was_never_passed(house: House) -> None:
    assert await names(house, DAILY, HOURLY) == [HOURLY.name, DAILY.name]


@pytest.mark.parametrize("entry", [{}, {"complete": True}, {"started_at": times.iso(1_700_000_000)}])
async def test_a_record_that_does_not_say_when_its_pass_started_or_how_it_ended_makes_a_type_due(
    house: House, entry: Item
) -> None:
    await house.mirror.record(Scope(livemode=False), f"run:{DAILY.name}", house.clock.now(), entry)
    assert await names(house, DAILY) == [DAILY.name]


@pytest.mark.parametrize("count", ["unresolved", "in_flight"])
async def test_what_was_left_open_is_looked_at_again_after_an_hour(house: House, count: str) -> None:
    left = {"unresolved": 0, "in_flight": 0, count: 1}
    await was_passed(house, WEEKLY, 0, unresolved=left["unresolved"], in_flight=left["in_flight"])
    assert await names(house, WEEKLY) == []
    house.clock.advance(HOUR)
    assert await names(house, WEEKLY) == [WEEKLY.name]


async def test_an_hourly_pass_that_does_not_end_keeps_no_others_from_theirs(house: House) -> None:
    await was_passed(house, HOURLY, 1200, complete=False)
    await was_passed(house, DAILY, 30 * HOUR)
    assert await names(house, HOURLY, DAILY) == [DAILY.name, HOURLY.name]


async def test_while_the_table_does_not_answer_everything_is_due(house: House) -> None:
    await was_passed(house, DAILY, 60)
    house.mirror.down = True
    assert await names(house, DAILY) == [DAILY.name]


async def test_passes_of_the_other_mode_do_not_count(house: House) -> None:
    await was_passed(house, DAILY, 60)
    house.stripe.livemode = True
    assert await names(house, DAILY) == [DAILY.name]
