"""Where the columns beside a body come from: the object, its cadence where that knows the customer, and its fetch."""

from dataclasses import replace

from billing_mirror.core import times
from billing_mirror.core.errors import NotFound, PermanentError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation
from billing_mirror.refresh.apply import apply, claim_and_fetch
from tests.doubles.samples import cadence, event, rate, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness


async def test_the_columns_that_indexes_need_come_from_the_object(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    item = stocked.item("rcds_1")
    assert {name: item[name] for name in ("type", "scope", "parent", "status", "collection_status")} == {
        "type": "v2.billing.rate_card_subscription",
        "scope": "test",
        "parent": "rcd_1",
        "status": "active",
        "collection_status": "current",
    }


async def test_an_object_goes_by_its_present_name_whatever_the_event_calls_it(harness: Harness) -> None:
    home = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
    harness.stripe.objects[home] = rate()
    old = rate(object="v2.billing.rate_card.rate")
    [ended] = await harness.deliver(event("v2.billing.rate_card.rate.created", old, url=home))
    assert ended.outcome is Outcome.STORED
    assert harness.item("rcdr_1")["type"] == "v2.billing.rate_card_rate"


async def test_the_customer_of_a_subscription_is_found_through_its_cadence(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    assert stocked.item("rcds_1")["customer"] == "cus_1"
    assert stocked.item("bc_1")["data"] == cadence()


async def test_a_cadence_that_is_mirrored_is_not_fetched_again(stocked: Harness) -> None:
    stocked.stripe.objects["/v2/billing/rate_card_subscriptions/rcds_2"] = subscription("rcds_2")
    await stocked.deliver(subscription_event())
    await stocked.deliver(subscription_event(identifier="rcds_2"))
    assert [request.url for request in stocked.stripe.requests].count(CADENCE) == 1


async def test_a_cadence_that_stripe_does_not_show_yet_is_waited_for(stocked: Harness) -> None:
    late = stocked.stripe.objects.pop(CADENCE)
    stocked.stripe.objects[SUBSCRIPTION] = subscription(created=times.iso(stocked.clock.now() - 5))
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.POSTPONED
    assert "test#bc_1" not in stocked.mirror.objects
    stocked.stripe.objects[CADENCE] = late
    stocked.clock.advance(10)
    await stocked.work()
    assert stocked.item("rcds_1")["customer"] == "cus_1"


async def test_a_deleted_cadence_still_names_the_customer(stocked: Harness) -> None:
    stocked.stripe.show_previews()
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[CADENCE]
    stocked.clock.advance(100)
    await stocked.deliver(event("v2.billing.cadence.canceled", cadence(), url=CADENCE))
    assert stocked.item("bc_1")["deleted"] is True
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event("paused"))
    assert stocked.item("rcds_1")["customer"] == "cus_1"


async def test_a_cadence_that_stripe_refuses_does_not_keep_the_subscription_out(stocked: Harness) -> None:
    async def refuse(path: str) -> None:
        if path == CADENCE:
            raise PermanentError("Stripe answered 400")

    stocked.stripe.before_answer = refuse
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.STORED
    assert "customer" not in stocked.item("rcds_1")


async def test_the_stored_time_is_the_start_of_the_fetch(stocked: Harness) -> None:
    started = stocked.clock.now()

    async def take_long(_: str) -> None:
        stocked.clock.advance(30)

    stocked.stripe.before_answer = take_long
    await stocked.deliver(subscription_event())
    assert stocked.item("rcds_1")["fetched_at"] == times.iso(started)


async def test_the_stored_time_of_a_tombstone_is_the_start_of_the_fetch(stocked: Harness) -> None:
    started = stocked.clock.now()

    async def take_long(path: str) -> None:
        if "?" not in path:
            stocked.clock.advance(30)
            raise NotFound(path)

    stocked.stripe.show_previews()
    stocked.stripe.before_answer = take_long
    await stocked.deliver(subscription_event("canceled", at=started - 100))
    assert stocked.item("rcds_1")["fetched_at"] == times.iso(started)


async def test_a_later_fetch_knows_the_events_of_an_earlier_one_that_was_written_meanwhile(stocked: Harness) -> None:
    """Two containers receive two events of one change at the same time, and neither sees the other's write first."""
    ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    now = stocked.clock.now()

    async def fetched(event_id: str, at: float) -> tuple[int, Observation]:
        token, seen = await claim_and_fetch(stocked.ports, ref, claimed_at=now, head=None)
        return token, replace(seen, last_event_at=at, last_event_ids=(event_id,))

    newest, older = await fetched("evt_new", now), await fetched("evt_old", now - 5)
    for token, observation in (newest, older):
        assert await apply(stocked.ports, ref, token, observation, None) in {Outcome.STORED, Outcome.UNCHANGED}
    item = stocked.item("rcds_1")
    assert (item["token"], item["last_event_at"], item["last_event_id"]) == (2, times.iso(now), "evt_new")
