"""The usage sweep: hourly sums of what customers have used of the meters that they are billed by."""

import asyncio
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from billing_mirror.core import times
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import USAGE
from billing_mirror.core.errors import Gone, NotPermitted, Refused, Retryable
from billing_mirror.core.items import Item
from billing_mirror.core.run import Job, Resolution, Run, Status
from billing_mirror.core.subject import Scope
from billing_mirror.flows.billed import STILL_CHANGING, Pair
from billing_mirror.flows.recorded import begun, last_run
from billing_mirror.flows.usage import sweep_usage
from tests.doubles.samples import cadence, event, rate, rate_card, subscription, subscription_event, version

from .conftest import House

HOUR = 3600
DAY = 24 * HOUR
NOW = 1_700_000_000
THIS_HOUR = NOW // HOUR * HOUR
OLDEST = STILL_CHANGING // HOUR
SCOPE = Scope(livemode=False)


def v1_subscription(customer: str, *meters: str, status: str = "active") -> JsonObject:
    return {
        "id": f"sub_{customer}",
        "object": "subscription",
        "customer": customer,
        "status": status,
        "created": NOW - 10 * 24 * HOUR,
        "livemode": False,
        "items": {
            "object": "list",
            "data": [{"id": f"si_{meter}", "price": {"recurring": {"meter": meter}}} for meter in meters],
            "has_more": False,
        },
    }


async def subscribe(house: House, body: JsonObject) -> None:
    url = f"/v1/subscriptions/{body['id']}"
    house.stripe.objects[url] = body
    await house.deliver(event("v1.customer.subscription.updated", body, url=url))


def hour(before: int, value: int = 1) -> JsonObject:
    """The sum of an hour, so many hours before this one."""
    start = THIS_HOUR - before * HOUR
    return {
        "id": f"mtrusg_{value}",
        "object": "billing.meter_event_summary",
        "start_time": start,
        "end_time": start + HOUR,
        "aggregated_value": value,
        "livemode": False,
        "meter": "mtr_1",
    }


def summaries(meter: str, customer: str, this_hour: int = THIS_HOUR) -> str:
    """Where the sums are listed."""
    return (
        f"/v1/billing/meters/{meter}/event_summaries?customer={customer}&start_time={this_hour - STILL_CHANGING}"
        f"&end_time={this_hour}&value_grouping_window=hour"
    )


def used(house: House, meter: str, customer: str, *hours: JsonObject) -> None:
    this_hour = int(house.clock.now()) // HOUR * HOUR
    house.stripe.lists[summaries(meter, customer, this_hour)] = [*hours]


async def swept(house: House, *, seconds: float = 100.0) -> Run:
    house.clock.advance(1)
    last = await last_run(USAGE.name, house.watch)
    going_on = last is not None and not last.finished_at
    run = last if last is not None and going_on else await begun(USAGE.name, Job.USAGE, last, house.watch)
    return await sweep_usage(run, house.watch, until=house.clock.now() + seconds)


def at(meter: str, customer: str, before: int) -> str:
    return f"{meter}/{customer}/{times.iso(THIS_HOUR - before * HOUR)}"


def hours(house: House) -> dict[str, Item]:
    """Without the note of the last look at a customer and a meter, which lies beside them."""
    held = [item for item in house.mirror.objects.values() if item["type"] == USAGE.name and "data" in item]
    return {str(item["id"]): item for item in held}


@pytest.fixture
async def stocked(house: House) -> House:
    """One customer who is billed by one meter, and has used it twice."""
    await subscribe(house, v1_subscription("cus_1", "mtr_1"))
    used(house, "mtr_1", "cus_1", hour(1, 5), hour(2, 7))
    house.stripe.asked.clear()
    return house


async def test_each_hour_is_kept_with_customer_meter_and_time_as_its_id(stocked: House) -> None:
    run = await swept(stocked)
    assert (run.complete, run.counts.compared, run.counts.written) == (True, 2, 2)
    assert hours(stocked).keys() == {at("mtr_1", "cus_1", 1), at("mtr_1", "cus_1", 2)}
    item = stocked.item(at("mtr_1", "cus_1", 1))
    assert item["data"] == hour(1, 5)
    assert (item["customer"], item["parent"], item["scope"]) == ("cus_1", "mtr_1/cus_1", "test")
    assert item["created"] == times.iso(THIS_HOUR - HOUR)


async def test_only_hours_that_are_over_and_can_still_change_are_asked_for(stocked: House) -> None:
    await swept(stocked)
    [asked] = stocked.stripe.asked
    assert asked.query == {
        "limit": "100",
        "customer": "cus_1",
        "start_time": str(THIS_HOUR - STILL_CHANGING),
        "end_time": str(THIS_HOUR),
        "value_grouping_window": "hour",
    }
    assert 35 * 24 <= STILL_CHANGING / HOUR < 36 * 24, "Stripe takes usage of the last 35 days"


async def test_all_pages_are_read(stocked: House) -> None:
    stocked.stripe.page_size = 100
    used(stocked, "mtr_1", "cus_1", *({**hour(number), "id": f"mtrusg_{number}"} for number in range(1, 251)))
    run = await swept(stocked)
    assert (run.counts.pages, run.counts.written, len(hours(stocked))) == (3, 250, 250)


async def test_an_hour_that_is_as_it_was_is_not_written_again(stocked: House) -> None:
    await swept(stocked)
    before = {identifier: dict(item) for identifier, item in hours(stocked).items()}
    run = await swept(stocked)
    assert (run.counts.compared, run.counts.written) == (2, 0)
    assert hours(stocked) == before


async def test_an_hour_is_written_again_where_somebody_may_still_write_what_it_was_before(stocked: House) -> None:
    """Somebody claimed after the sum that is mirrored was looked at, has fetched an older one, and not written yet."""
    await swept(stocked)
    one = stocked.item(at("mtr_1", "cus_1", 1))
    pair = Pair("mtr_1", "cus_1").subject(SCOPE)
    late = await stocked.mirror.claim(pair, 0.0)
    await swept(stocked)
    await stocked.mirror.put(replace(pair, id=str(one["id"])), late, {**one, "data": hour(1, 4)})
    assert stocked.item(str(one["id"]))["data"] == hour(1, 5)


async def test_the_note_of_the_last_look_is_in_no_index(stocked: House) -> None:
    await swept(stocked)
    note = stocked.item("mtr_1/cus_1")
    assert note["token"] == 1
    assert not note.keys() & {"created", "customer", "parent"}


async def test_the_last_hours_of_a_subscription_that_has_ended_are_still_asked_for(stocked: House) -> None:
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    stocked.clock.advance(STILL_CHANGING - 2 * HOUR)
    used(stocked, "mtr_1", "cus_1", hour(1, 6))
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 6)
    stocked.clock.advance(3 * HOUR)
    stocked.stripe.asked.clear()
    assert (await swept(stocked)).complete
    assert stocked.stripe.asked == [], "nothing of it can change any more"


async def test_an_id_that_people_have_chosen_for_a_customer_may_have_slashes(house: House) -> None:
    body = {**v1_subscription("a/b", "mtr_1"), "id": "sub_1"}
    await subscribe(house, body)
    this_hour = int(house.clock.now()) // HOUR * HOUR
    shown = urlencode(
        {
            "customer": "a/b",
            "start_time": this_hour - STILL_CHANGING,
            "end_time": this_hour,
            "value_grouping_window": "hour",
        }
    )
    house.stripe.lists = {f"/v1/billing/meters/mtr_1/event_summaries?{shown}": [hour(1)]}
    await swept(house)
    await swept(house)
    assert {asked.query.get("customer") for asked in house.stripe.asked if "meters" in asked.place} == {"a/b"}


async def test_an_hour_that_has_changed_is_written_again_and_the_others_are_not(stocked: House) -> None:
    await swept(stocked)
    used(stocked, "mtr_1", "cus_1", hour(1, 6), hour(2, 7))
    assert (await swept(stocked)).counts.written == 1
    changed, same = stocked.item(at("mtr_1", "cus_1", 1)), stocked.item(at("mtr_1", "cus_1", 2))
    assert (changed["data"], changed["token"], same["token"]) == (hour(1, 6), 2, 1)


async def test_an_hour_that_vanished_becomes_a_tombstone_and_may_come_back(stocked: House) -> None:
    await swept(stocked)
    used(stocked, "mtr_1", "cus_1", hour(2, 7))
    await swept(stocked)
    vanished = stocked.item(at("mtr_1", "cus_1", 1))
    assert (vanished["deleted"], vanished["data"]) == (True, hour(1, 5))
    assert "created" not in vanished
    used(stocked, "mtr_1", "cus_1", hour(1, 5), hour(2, 7))
    await swept(stocked)
    revived = stocked.item(at("mtr_1", "cus_1", 1))
    assert (revived["token"], "deleted" in revived, "created" in revived) == (3, False, True)


async def test_hours_too_old_to_change_stay_although_nobody_asks_for_them_any_more(stocked: House) -> None:
    used(stocked, "mtr_1", "cus_1", hour(OLDEST, 9), hour(OLDEST - 1, 8))
    await swept(stocked)
    stocked.clock.advance(HOUR)
    used(stocked, "mtr_1", "cus_1")
    await swept(stocked)
    kept = {identifier: item.get("deleted", False) for identifier, item in hours(stocked).items()}
    assert kept == {at("mtr_1", "cus_1", OLDEST): False, at("mtr_1", "cus_1", OLDEST - 1): True}


async def test_a_look_that_was_claimed_earlier_never_replaces_a_later_one(stocked: House) -> None:
    """While the first sweep has read the old sum and not written yet, a second one runs from start to end."""

    async def overtake(_: str) -> None:
        stocked.stripe.before_answer = None
        used(stocked, "mtr_1", "cus_1", hour(1, 6))
        await swept(stocked)

    stocked.stripe.before_answer = overtake
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 6)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid"])
async def test_every_customer_who_may_be_billed_is_asked_about(house: House, status: str) -> None:
    await subscribe(house, v1_subscription("cus_1", "mtr_1", status=status))
    used(house, "mtr_1", "cus_1", hour(1))
    assert (await swept(house)).counts.written == 1


@pytest.mark.parametrize("status", ["canceled", "incomplete", "incomplete_expired", "paused"])
async def test_a_subscription_that_bills_nobody_is_not_asked_about(house: House, status: str) -> None:
    await subscribe(house, v1_subscription("cus_1", "mtr_1", status=status))
    house.stripe.asked.clear()
    assert (await swept(house)).complete
    assert house.stripe.asked == []


async def test_a_customer_and_a_meter_are_asked_about_once_however_many_subscriptions_name_them(house: House) -> None:
    first = v1_subscription("cus_1", "mtr_1", "mtr_2", "mtr_1")
    await subscribe(house, first)
    await subscribe(house, {**first, "id": "sub_second"})
    for meter in ("mtr_1", "mtr_2"):
        used(house, meter, "cus_1", hour(1))
    house.stripe.asked.clear()
    await swept(house)
    assert [asked.place.split("/")[4] for asked in house.stripe.asked] == ["mtr_1", "mtr_2"]


async def test_usage_after_the_end_of_a_subscription_is_asked_for_as_long_as_there_is_some(stocked: House) -> None:
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    stocked.clock.advance(20 * DAY)
    used(stocked, "mtr_1", "cus_1", hour(-20 * 24 + 1))
    await swept(stocked)
    stocked.clock.advance(20 * DAY)
    used(stocked, "mtr_1", "cus_1", hour(-20 * 24 + 1, 7))
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", -20 * 24 + 1))["data"] == hour(-20 * 24 + 1, 7)
    stocked.clock.advance(20 * DAY)
    stocked.stripe.asked.clear()
    await swept(stocked)
    assert stocked.stripe.asked == []


async def test_usage_of_long_ago_does_not_cut_short_how_long_a_pair_is_asked_for(stocked: House) -> None:
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1"))
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    used(stocked, "mtr_1", "cus_1", hour(30 * 24))
    await swept(stocked)
    stocked.clock.advance(20 * DAY)
    used(stocked, "mtr_1", "cus_1", hour(1, 9))
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 9), "told of late, and in time"


async def test_a_pair_is_asked_for_to_the_last_second_in_which_its_last_hour_may_change(stocked: House) -> None:
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    stocked.clock.advance(20 * DAY)
    last = hour(-20 * 24 + 1)
    used(stocked, "mtr_1", "cus_1", last)
    await swept(stocked)
    over = THIS_HOUR + 20 * DAY + STILL_CHANGING
    for now, times_asked in ((over - 1, 1), (over, 0)):
        stocked.clock.advance(now - 1 - stocked.clock.now())
        stocked.stripe.asked.clear()
        used(stocked, "mtr_1", "cus_1", last)
        await swept(stocked)
        assert (stocked.clock.now(), len(stocked.stripe.asked)) == (now, times_asked)


CARD = "/v2/billing/rate_cards/rcd_1"


async def release(house: House, *rates: JsonObject) -> None:
    """The version of the rate card that samples name, and these rates in it."""
    listed = {f"{CARD}/rates?rate_card_version=rcdv_1": [*rates]}
    house.stripe.lists |= {**listed, f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    house.stripe.objects |= {f"{CARD}/versions/rcdv_1": version(), CARD: rate_card()}
    house.stripe.objects |= {f"{CARD}/rates/{one['id']}": one for one in rates}
    url = f"{CARD}/versions/rcdv_1"
    await house.deliver(event("v2.billing.rate_card_version.created", version(), url=url))
    await house.work()


async def test_a_subscription_is_billed_by_the_meters_of_its_own_version_removed_rates_included(house: House) -> None:
    rates = [rate("rcdr_1", metered_item={"id": "mi_1", "meter": "mtr_1"}), rate("rcdr_2", metered_item=None)]
    await release(house, *rates)
    home = "/v2/billing/rate_card_subscriptions/rcds_1"
    house.stripe.objects |= {home: subscription(), "/v2/billing/cadences/bc_1": cadence()}
    await house.deliver(subscription_event())
    del house.stripe.objects[f"{CARD}/rates/rcdr_1"]
    gone = event("v2.billing.rate_card_rate.deleted", rates[0], url=f"{CARD}/rates/rcdr_1", at=house.clock.now())
    house.clock.advance(10)
    await house.deliver(gone)
    assert house.item("rcdr_1")["deleted"] is True
    used(house, "mtr_1", "cus_1", hour(1))
    assert (await swept(house)).counts.written == 1
    assert list(hours(house)) == [at("mtr_1", "cus_1", 1)]


async def test_the_meters_of_a_pricing_plan_are_those_of_its_components_rate_cards(house: House) -> None:
    body: JsonObject = {
        **subscription("bpps_1"),
        "object": "v2.billing.pricing_plan_subscription",
        "pricing_plan": "bpp_1",
        "pricing_plan_component_details": [
            {"type": "license_fee_details", "license_fee_details": {"license_fee": "licf_1"}},
            {"type": "rate_card_details", "rate_card_details": {"rate_card": "rcd_1", "rate_card_version": "rcdv_1"}},
        ],
    }
    await release(house, rate(metered_item={"id": "mi_1", "meter": "mtr_1"}))
    home = "/v2/billing/pricing_plan_subscriptions/bpps_1"
    house.stripe.objects |= {home: body, "/v2/billing/cadences/bc_1": cadence()}
    await house.deliver(event("v2.billing.pricing_plan_subscription.servicing_activated", body, url=home))
    used(house, "mtr_1", "cus_1", hour(1))
    assert (await swept(house)).counts.written == 1


@pytest.mark.parametrize(
    ("error", "unresolved"), [(Gone("no such meter"), []), (Refused("Stripe answered 400"), ["mtr_1/cus_1"])]
)
async def test_a_meter_that_stripe_refuses_is_skipped_and_keeps_what_is_known(
    house: House, error: Exception, unresolved: list[str]
) -> None:
    await subscribe(house, v1_subscription("cus_1", "mtr_1", "mtr_2"))
    for meter in ("mtr_1", "mtr_2"):
        used(house, meter, "cus_1", hour(1))
    await swept(house)

    async def refuse(path: str) -> None:
        if "mtr_1" in path:
            raise error

    house.stripe.before_answer = refuse
    used(house, "mtr_2", "cus_1", hour(1), hour(2))
    run = await swept(house)
    assert (run.complete, run.counts.written) == (True, 1)
    assert [drift.id for drift in await house.drifts(run)] == unresolved
    assert "deleted" not in house.item(at("mtr_1", "cus_1", 1))


async def failing(house: House, error: Exception) -> Run:
    async def fail(_: str) -> None:
        raise error

    house.stripe.before_answer = fail
    run = await swept(house)
    assert hours(house) == {}
    return run


async def test_a_key_that_may_not_read_usage_ends_the_sweep(stocked: House) -> None:
    run = await failing(stocked, NotPermitted("Stripe answered 403"))
    assert (run.status, run.reason) == (Status.UNAUTHORIZED, "Stripe answered 403")


async def test_a_meter_for_which_stripe_goes_on_failing_does_not_hold_up_the_others(stocked: House) -> None:
    run = await failing(stocked, Retryable("Stripe answered 503"))
    assert run.complete
    assert [(one.reason, one.resolution) for one in await stocked.drifts(run)] == [
        ("Stripe answered 503", Resolution.UNRESOLVED)
    ]


async def test_sums_that_do_not_come_to_an_end_are_told_of_and_hold_up_nobody(stocked: House) -> None:
    stocked.stripe.page_size = 1
    await subscribe(stocked, v1_subscription("cus_2", "mtr_1"))
    used(stocked, "mtr_1", "cus_1", *({**hour(1), "id": f"mtrusg_{number}"} for number in range(500)))
    used(stocked, "mtr_1", "cus_2", hour(1), hour(2))
    run = await swept(stocked)
    assert run.complete
    assert hours(stocked).keys() == {at("mtr_1", "cus_2", 1), at("mtr_1", "cus_2", 2)}
    [drift] = await stocked.drifts(run)
    assert (drift.resolution, drift.reason) == (Resolution.UNRESOLVED, "the list does not come to an end")


async def test_a_sweep_that_runs_out_of_time_goes_on_where_it_stopped(house: House) -> None:
    for number in (1, 2, 3):
        await subscribe(house, v1_subscription(f"cus_{number}", "mtr_1"))
        used(house, "mtr_1", f"cus_{number}", hour(1))

    async def dawdle(path: str) -> None:
        if "cus_2" in path:
            await asyncio.sleep(60)

    house.stripe.before_answer = dawdle
    run = await swept(house, seconds=0.05)
    assert (run.status, run.reason, run.failures) == (Status.RUNNING, "it goes on at the next tick", 0)
    assert run.counts.written == 1
    house.stripe.before_answer = None
    house.stripe.asked.clear()
    house.clock.advance(10)
    run = await swept(house)
    assert (run.complete, run.counts.written) == (True, 3)
    assert [asked.query["customer"] for asked in house.stripe.asked] == ["cus_2", "cus_3"]


async def test_every_sweep_leaves_a_record(stocked: House) -> None:
    run = await swept(stocked)
    assert await last_run(USAGE.name, stocked.watch) == run
    assert (run.status, run.counts.pages, run.counts.compared) == (Status.COMPLETE, 1, 2)


async def test_an_unforeseen_error_ends_the_sweep_and_not_the_function(stocked: House) -> None:
    stocked.stripe.failures = [ValueError("a customer's secret")]
    run = await swept(stocked)
    assert (run.complete, run.reason) == (False, "unforeseen ValueError")
