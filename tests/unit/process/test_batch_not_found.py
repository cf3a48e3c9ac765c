"""What Stripe does not show becomes a tombstone, unless it may only not be shown yet."""

import pytest

from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import cadence, event, rate, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness


async def test_a_deleted_object_becomes_a_tombstone_with_its_last_body(stocked: Harness) -> None:
    stocked.stripe.show_previews()
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[SUBSCRIPTION]
    stocked.clock.advance(100)
    [result] = await stocked.deliver(subscription_event("canceled"))
    item = stocked.item("rcds_1")
    assert (result.outcome, item["deleted"], item["data"]) == (Outcome.REMOVED, True, subscription())
    assert "created" not in item
    assert "customer" not in item


async def test_a_notice_of_deletion_is_a_tombstone_too(harness: Harness) -> None:
    deleted: JsonObject = {"id": "cus_1", "object": "customer", "deleted": True, "livemode": False}
    harness.stripe.objects["/v1/customers/cus_1"] = deleted
    [result] = await harness.deliver(event("v1.customer.deleted", deleted, url="/v1/customers/cus_1"))
    assert (result.outcome, harness.item("customer/cus_1")["deleted"]) == (Outcome.REMOVED, True)


async def test_a_later_fetch_revives_a_tombstone(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    body = stocked.stripe.objects.pop(SUBSCRIPTION)
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event("canceled"))
    stocked.stripe.objects[SUBSCRIPTION] = body
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event())
    assert "deleted" not in stocked.item("rcds_1")


async def test_what_comes_back_as_it_was_is_stored_and_not_unchanged(harness: Harness) -> None:
    harness.stripe.show_previews()
    home = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
    outcomes = []
    for body in (rate(), None, rate()):
        harness.stripe.objects = {home: body} if body else {}
        results = await harness.deliver(event("v2.billing.rate_card_rate.updated", rate(), url=home))
        outcomes += [result.outcome for result in results]
        harness.clock.advance(100)
    assert outcomes == [Outcome.STORED, Outcome.REMOVED, Outcome.STORED]


async def test_a_new_object_that_stripe_does_not_show_yet_is_tried_again(harness: Harness) -> None:
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=harness.clock.now() - 1)
    [result] = await harness.deliver(made)
    assert result.outcome is Outcome.POSTPONED
    assert "test#bc_1" not in harness.mirror.objects
    harness.stripe.objects[CADENCE] = cadence()
    harness.clock.advance(10)
    [result] = await harness.work()
    assert result.outcome is Outcome.STORED


@pytest.mark.parametrize("age", [0, -30 * 86400], ids=["made now", "made by a test clock in the future"])
async def test_a_new_object_that_never_appears_ends_as_a_tombstone(harness: Harness, age: float) -> None:
    harness.stripe.show_previews()
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=harness.clock.now() - age)
    [result] = await harness.deliver(made)
    assert result.outcome is Outcome.POSTPONED
    harness.clock.advance(1000)
    [result] = await harness.work()
    assert result.outcome is Outcome.REMOVED


@pytest.mark.parametrize(
    ("ages", "outcome"),
    [
        ({"updated": 1}, Outcome.POSTPONED),
        ({"updated": 1, "paused": 100}, Outcome.POSTPONED),
        ({"created": 1, "deleted": 1}, Outcome.POSTPONED),
        ({"updated": 100}, Outcome.REMOVED),
        ({"deleted": 1}, Outcome.REMOVED),
        ({"updated": 1, "deleted": 100}, Outcome.REMOVED),
        ({"created": 100, "deleted": 1}, Outcome.REMOVED),
    ],
    ids=str,
)
async def test_a_mirrored_object_that_is_not_found_is_deleted_once_events_are_old_or_say_so(
    harness: Harness, ages: dict[str, float], outcome: Outcome
) -> None:
    """The replica that answered may be behind. The numbers are the ages of events, in seconds."""
    harness.stripe.show_previews()
    harness.stripe.objects[CADENCE] = cadence()
    await harness.deliver(event("v2.billing.cadence.created", cadence(), url=CADENCE))
    harness.clock.advance(200)
    del harness.stripe.objects[CADENCE]
    now = harness.clock.now()
    texts = [event(f"v2.billing.cadence.{word}", cadence(), url=CADENCE, at=now - age) for word, age in ages.items()]
    assert {result.outcome for result in await harness.deliver(*texts)} == {outcome}
    harness.clock.advance(60)
    await harness.work()
    assert harness.item("bc_1")["deleted"] is True


async def test_a_late_deletion_does_not_tombstone_an_object_created_again(harness: Harness) -> None:
    home, made_at = "/v1/products/gold", harness.clock.now()
    body: JsonObject = {"id": "gold", "object": "product", "created": int(made_at), "livemode": False}
    harness.stripe.objects[home] = body
    await harness.deliver(write_message(RefreshRequest(livemode=False, type="product", id="gold")))
    del harness.stripe.objects[home]  # the replica that answers next is behind
    harness.clock.advance(10)
    [result] = await harness.deliver(event("v1.product.deleted", body, url=home, at=made_at - 30))
    assert (result.outcome, "deleted" in harness.item("product/gold")) == (Outcome.POSTPONED, False)
