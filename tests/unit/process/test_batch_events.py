"""What process keeps and says of the events that caused a fetch, and when it stops."""

import pytest

from billing_mirror.core.errors import Unauthorized
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.times import iso
from tests.doubles.samples import cadence, event, sample, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

KEY = "test#rcds_1"
REQUEST = write_message(RefreshRequest(livemode=False, type="v2.billing.rate_card_subscription", id="rcds_1"))


async def test_a_fetch_names_the_event_that_caused_it(stocked: Harness) -> None:
    await stocked.deliver(subscription_event(identifier="rcds_1", id="evt_cause"))
    assert {one.event for one in stocked.stripe.requests if one.path == SUBSCRIPTION} == {"evt_cause"}


async def test_an_object_that_comes_after_the_deadline_is_not_claimed(stocked: Harness) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    [result] = await stocked.work(seconds=0.0)
    assert (result.outcome, stocked.mirror.counters, stocked.stripe.requests) == (Outcome.POSTPONED, {}, [])


async def test_only_what_was_written_has_a_time_at_which_it_was(stocked: Harness) -> None:
    text = subscription_event()
    [stored] = await stocked.deliver(text)
    assert (stored.outcome, stored.stored_at) == (Outcome.STORED, stocked.clock.now())
    [repeated] = await stocked.deliver(text)
    assert (repeated.outcome, repeated.stored_at) == (Outcome.ALREADY_FRESH, None)


async def test_a_refresh_without_an_event_keeps_the_last_event(stocked: Harness) -> None:
    """Else the event's second delivery would cost another fetch."""
    text = subscription_event(id="evt_last")
    await stocked.deliver(text)
    stocked.clock.advance(100)
    await stocked.deliver(REQUEST)
    assert (stocked.item("rcds_1")["token"], stocked.item("rcds_1")["last_event_id"]) == (2, "evt_last")
    [result] = await stocked.deliver(text)
    assert result.outcome is Outcome.ALREADY_FRESH


async def test_of_events_at_the_same_time_all_are_kept(stocked: Harness) -> None:
    await stocked.deliver(subscription_event(id="evt_a"))
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event(id="evt_b"))
    item = stocked.item("rcds_1")
    assert (item["last_event_id"], item["other_event_ids"]) == ("evt_b", ["evt_a"])


async def test_a_key_that_is_refused_at_the_owner_stores_nothing_without_a_customer(stocked: Harness) -> None:
    async def refuse(path: str) -> None:
        if path == CADENCE:
            raise Unauthorized("Stripe answered 401")

    stocked.stripe.before_answer = refuse
    [result] = await stocked.deliver(subscription_event())
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, "Stripe answered 401")
    assert KEY not in stocked.mirror.objects


async def test_an_answer_of_the_other_mode_is_not_stored(stocked: Harness) -> None:
    stocked.stripe.objects[SUBSCRIPTION] = subscription(livemode=True)
    [result] = await stocked.deliver(subscription_event())
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "Stripe answered with rcds_1 of the other mode")
    assert stocked.mirror.objects == {}


async def test_an_unlisted_object_is_requested_again_when_it_is_no_longer_young(harness: Harness) -> None:
    young = subscription(created=iso(harness.clock.now() - 20))
    harness.stripe.objects |= {SUBSCRIPTION: young, CADENCE: cadence()}
    await harness.deliver(subscription_event())
    harness.clock.advance(10)
    del harness.stripe.objects[SUBSCRIPTION]
    unlisted = RefreshRequest(livemode=False, type="v2.billing.rate_card_subscription", id="rcds_1", unlisted=True)
    [result] = await harness.deliver(write_message(unlisted))
    assert result.outcome is Outcome.POSTPONED
    assert [one.visible_at - harness.clock.now() for one in harness.queue.waiting] == [30]


async def test_what_process_queues_itself_is_not_in_the_group_of_the_webhook(harness: Harness) -> None:
    """Else it would count as pushed by Stripe, and share the fate of a flood of events."""
    body = sample("v2.billing.pricing_plan_component", id="bppc_1", pricing_plan="bpp_1", service_action="svca_1")
    url = "/v2/billing/pricing_plans/bpp_1/components/bppc_1"
    harness.stripe.objects[url] = body
    await harness.deliver(event("v2.billing.pricing_plan_component.created", body, url=url))
    assert {one.group for one in harness.queue.waiting} == {"test:repair"}


@pytest.mark.parametrize("unlisted", [False, True])
async def test_a_fetch_by_a_clock_that_was_ahead_answers_no_request(harness: Harness, *, unlisted: bool) -> None:
    """No event announces what a list or another object has shown, so no recover run would find it."""
    harness.stripe.objects = {SUBSCRIPTION: subscription("rcds_1"), CADENCE: cadence()}
    await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now()))
    harness.item("rcds_1")["fetched_at"] = iso(harness.clock.now() + 300)
    request = RefreshRequest(livemode=False, type="v2.billing.rate_card_subscription", id="rcds_1", unlisted=unlisted)
    [result] = await harness.deliver(write_message(request))
    assert result.outcome is Outcome.UNCHANGED
