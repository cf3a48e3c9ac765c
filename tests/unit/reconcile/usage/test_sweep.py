"""The usage sweep: hourly sums of what customers have used of the meters that they are billed by."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from billing_mirror.core import times
from billing_mirror.core.json_body import JsonObject
from billing_mirror.reconcile.usage.pairs import STILL_CHANGING, UsagePair
from tests.doubles.samples import cadence, event, rate, rate_card, subscription, subscription_event, version
from tests.unit.harness import Harness

from .usages import DAY, HOUR, OLDEST, SCOPE, THIS_HOUR, at, hour, hours, stock, subscribe, swept, used, v1_subscription


@pytest.fixture
async def stocked(harness: Harness) -> Harness:
    return await stock(harness)


async def test_each_hour_is_stored_with_customer_meter_and_time_as_its_id(stocked: Harness) -> None:
    run = await swept(stocked)
    assert (run.complete, run.counts.compared, run.counts.written) == (True, 2, 2)
    assert hours(stocked).keys() == {at("mtr_1", "cus_1", 1), at("mtr_1", "cus_1", 2)}
    item = stocked.item(at("mtr_1", "cus_1", 1))
    assert item["data"] == hour(1, 5)
    assert (item["customer"], item["parent"], item["scope"]) == ("cus_1", "mtr_1/cus_1", "test")
    assert item["created"] == times.iso(THIS_HOUR - HOUR)


async def test_only_hours_that_are_over_and_can_still_change_are_requested(stocked: Harness) -> None:
    await swept(stocked)
    [request] = stocked.stripe.requests
    assert request.query == {
        "limit": "100",
        "customer": "cus_1",
        "start_time": str(THIS_HOUR - STILL_CHANGING),
        "end_time": str(THIS_HOUR),
        "value_grouping_window": "hour",
    }
    assert 35 * 24 <= STILL_CHANGING / HOUR < 36 * 24, "Stripe takes usage of the last 35 days"


async def test_all_pages_are_read(stocked: Harness) -> None:
    stocked.stripe.page_size = 100
    used(stocked, "mtr_1", "cus_1", *({**hour(number), "id": f"mtrusg_{number}"} for number in range(1, 251)))
    run = await swept(stocked)
    assert (run.counts.pages, run.counts.written, len(hours(stocked))) == (3, 250, 250)


async def test_an_unchanged_hour_is_not_written_again(stocked: Harness) -> None:
    await swept(stocked)
    before = {identifier: dict(item) for identifier, item in hours(stocked).items()}
    run = await swept(stocked)
    assert (run.counts.compared, run.counts.written) == (2, 0)
    assert hours(stocked) == before


async def test_an_hour_is_written_again_where_an_earlier_claim_may_still_write(stocked: Harness) -> None:
    """Another sweep claimed after the mirrored sum was fetched, has fetched an older sum, and not written yet."""
    await swept(stocked)
    one = stocked.item(at("mtr_1", "cus_1", 1))
    pair = UsagePair("mtr_1", "cus_1").ref(SCOPE)
    late, _ = await stocked.mirror.claim(pair, 0.0)
    await swept(stocked)
    await stocked.mirror.put(replace(pair, id=str(one["id"])), late, {**one, "data": hour(1, 4)})
    assert stocked.item(str(one["id"]))["data"] == hour(1, 5)


async def test_the_marker_of_the_last_sweep_is_in_no_index(stocked: Harness) -> None:
    await swept(stocked)
    note = stocked.item("mtr_1/cus_1")
    assert note["token"] == 1
    assert not note.keys() & {"created", "customer", "parent"}


async def test_the_last_hours_of_an_ended_subscription_are_still_requested(stocked: Harness) -> None:
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    stocked.clock.advance(STILL_CHANGING - 2 * HOUR)
    used(stocked, "mtr_1", "cus_1", hour(1, 6))
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 6)
    stocked.clock.advance(3 * HOUR)
    stocked.stripe.requests.clear()
    assert (await swept(stocked)).complete
    assert stocked.stripe.requests == [], "its usage can no longer change"


async def test_a_customer_id_that_users_have_chosen_may_have_slashes(harness: Harness) -> None:
    body = {**v1_subscription("a/b", "mtr_1"), "id": "sub_1"}
    await subscribe(harness, body)
    this_hour = int(harness.clock.now()) // HOUR * HOUR
    shown = urlencode(
        {
            "customer": "a/b",
            "start_time": this_hour - STILL_CHANGING,
            "end_time": this_hour,
            "value_grouping_window": "hour",
        }
    )
    harness.stripe.lists = {f"/v1/billing/meters/mtr_1/event_summaries?{shown}": [hour(1)]}
    await swept(harness)
    await swept(harness)
    assert {request.query.get("customer") for request in harness.stripe.requests if "meters" in request.path} == {"a/b"}


async def test_only_the_changed_hour_is_written_again(stocked: Harness) -> None:
    await swept(stocked)
    used(stocked, "mtr_1", "cus_1", hour(1, 6), hour(2, 7))
    assert (await swept(stocked)).counts.written == 1
    changed, same = stocked.item(at("mtr_1", "cus_1", 1)), stocked.item(at("mtr_1", "cus_1", 2))
    assert (changed["data"], changed["token"], same["token"]) == (hour(1, 6), 2, 1)


async def test_an_hour_that_vanished_gets_a_tombstone_and_may_return(stocked: Harness) -> None:
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


async def test_hours_too_old_to_change_stay_although_they_are_not_requested_any_more(stocked: Harness) -> None:
    used(stocked, "mtr_1", "cus_1", hour(OLDEST, 9), hour(OLDEST - 1, 8))
    await swept(stocked)
    stocked.clock.advance(HOUR)
    used(stocked, "mtr_1", "cus_1")
    await swept(stocked)
    kept = {identifier: item.get("deleted", False) for identifier, item in hours(stocked).items()}
    assert kept == {at("mtr_1", "cus_1", OLDEST): False, at("mtr_1", "cus_1", OLDEST - 1): True}


async def test_a_sweep_that_claimed_earlier_never_replaces_a_later_one(stocked: Harness) -> None:
    """A second sweep runs completely after the first has read the old sum and before the first writes."""

    async def sweep_in_between(_: str) -> None:
        stocked.stripe.before_answer = None
        used(stocked, "mtr_1", "cus_1", hour(1, 6))
        await swept(stocked)

    stocked.stripe.before_answer = sweep_in_between
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 6)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid"])
async def test_the_usage_of_every_customer_who_may_be_billed_is_requested(harness: Harness, status: str) -> None:
    await subscribe(harness, v1_subscription("cus_1", "mtr_1", status=status))
    used(harness, "mtr_1", "cus_1", hour(1))
    assert (await swept(harness)).counts.written == 1


@pytest.mark.parametrize("status", ["canceled", "incomplete", "incomplete_expired", "paused"])
async def test_the_usage_of_a_subscription_that_bills_no_customer_is_not_requested(
    harness: Harness, status: str
) -> None:
    await subscribe(harness, v1_subscription("cus_1", "mtr_1", status=status))
    harness.stripe.requests.clear()
    assert (await swept(harness)).complete
    assert harness.stripe.requests == []


async def test_a_pair_is_requested_once_however_many_subscriptions_name_it(
    harness: Harness,
) -> None:
    first = v1_subscription("cus_1", "mtr_1", "mtr_2", "mtr_1")
    await subscribe(harness, first)
    await subscribe(harness, {**first, "id": "sub_second"})
    for meter in ("mtr_1", "mtr_2"):
        used(harness, meter, "cus_1", hour(1))
    harness.stripe.requests.clear()
    await swept(harness)
    assert [request.path.split("/")[4] for request in harness.stripe.requests] == ["mtr_1", "mtr_2"]


async def test_usage_after_the_end_of_a_subscription_is_requested_as_long_as_there_is_some(stocked: Harness) -> None:
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
    stocked.stripe.requests.clear()
    await swept(stocked)
    assert stocked.stripe.requests == []


async def test_old_usage_does_not_shorten_the_time_of_a_pair(stocked: Harness) -> None:
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1"))
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    used(stocked, "mtr_1", "cus_1", hour(30 * 24))
    await swept(stocked)
    stocked.clock.advance(20 * DAY)
    used(stocked, "mtr_1", "cus_1", hour(1, 9))
    await swept(stocked)
    assert stocked.item(at("mtr_1", "cus_1", 1))["data"] == hour(1, 9), "reported late, but in time"


async def test_a_pair_is_requested_until_its_last_hour_can_no_longer_change(stocked: Harness) -> None:
    await swept(stocked)
    await subscribe(stocked, v1_subscription("cus_1", "mtr_1", status="canceled"))
    stocked.clock.advance(20 * DAY)
    last = hour(-20 * 24 + 1)
    used(stocked, "mtr_1", "cus_1", last)
    await swept(stocked)
    expected = THIS_HOUR + 20 * DAY + STILL_CHANGING
    for now, requests in ((expected - 1, 1), (expected, 0)):
        stocked.clock.advance(now - 1 - stocked.clock.now())
        stocked.stripe.requests.clear()
        used(stocked, "mtr_1", "cus_1", last)
        await swept(stocked)
        assert (stocked.clock.now(), len(stocked.stripe.requests)) == (now, requests)


CARD = "/v2/billing/rate_cards/rcd_1"


async def release(harness: Harness, *rates: JsonObject) -> None:
    """The version of the rate card that samples name, and these rates in it."""
    listed = {f"{CARD}/rates?rate_card_version=rcdv_1": [*rates]}
    harness.stripe.lists |= {**listed, f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    harness.stripe.objects |= {f"{CARD}/versions/rcdv_1": version(), CARD: rate_card()}
    harness.stripe.objects |= {f"{CARD}/rates/{one['id']}": one for one in rates}
    url = f"{CARD}/versions/rcdv_1"
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=url))
    await harness.work()


async def test_a_subscription_is_billed_by_the_meters_of_its_own_version_removed_rates_included(
    harness: Harness,
) -> None:
    rates = [rate("rcdr_1", metered_item={"id": "mi_1", "meter": "mtr_1"}), rate("rcdr_2", metered_item=None)]
    await release(harness, *rates)
    home = "/v2/billing/rate_card_subscriptions/rcds_1"
    harness.stripe.objects |= {home: subscription(), "/v2/billing/cadences/bc_1": cadence()}
    await harness.deliver(subscription_event())
    del harness.stripe.objects[f"{CARD}/rates/rcdr_1"]
    deletion = event("v2.billing.rate_card_rate.deleted", rates[0], url=f"{CARD}/rates/rcdr_1", at=harness.clock.now())
    harness.clock.advance(10)
    await harness.deliver(deletion)
    assert harness.item("rcdr_1")["deleted"] is True
    used(harness, "mtr_1", "cus_1", hour(1))
    assert (await swept(harness)).counts.written == 1
    assert list(hours(harness)) == [at("mtr_1", "cus_1", 1)]


async def test_the_meters_of_a_pricing_plan_are_those_of_its_components_rate_cards(harness: Harness) -> None:
    body: JsonObject = {
        **subscription("bpps_1"),
        "object": "v2.billing.pricing_plan_subscription",
        "pricing_plan": "bpp_1",
        "pricing_plan_component_details": [
            {"type": "license_fee_details", "license_fee_details": {"license_fee": "licf_1"}},
            {"type": "rate_card_details", "rate_card_details": {"rate_card": "rcd_1", "rate_card_version": "rcdv_1"}},
        ],
    }
    await release(harness, rate(metered_item={"id": "mi_1", "meter": "mtr_1"}))
    home = "/v2/billing/pricing_plan_subscriptions/bpps_1"
    harness.stripe.objects |= {home: body, "/v2/billing/cadences/bc_1": cadence()}
    await harness.deliver(event("v2.billing.pricing_plan_subscription.servicing_activated", body, url=home))
    used(harness, "mtr_1", "cus_1", hour(1))
    assert (await swept(harness)).counts.written == 1


async def test_usage_of_an_account_is_not_swept(harness: Harness) -> None:
    """Stripe sums up usage by customer only, and would refuse the account."""
    body = {**v1_subscription("cus_1", "mtr_1"), "customer": None, "customer_account": "acct_1"}
    await subscribe(harness, body)
    harness.stripe.requests.clear()
    assert (await swept(harness)).complete
    assert harness.stripe.paths == []


async def test_usage_of_a_customer_who_is_an_account_too_is_swept(harness: Harness) -> None:
    """Only where the account alone is named is there no customer to ask for."""
    await subscribe(harness, {**v1_subscription("cus_1", "mtr_1"), "customer_account": "acct_1"})
    used(harness, "mtr_1", "cus_1", hour(1, 5))
    await swept(harness)
    assert hours(harness).keys() == {at("mtr_1", "cus_1", 1)}
