"""Objects that take their customer from another one follow it to another customer."""

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import cadence, event, sample, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

OBJECT_TYPE = TYPES["v2.billing.rate_card_subscription"]
OTHER = SUBSCRIPTION.replace("rcds_1", "rcds_2")


def moved(harness: Harness) -> str:
    """Stripe gives the cadence to another customer; the event about it."""
    body: JsonObject = {**cadence(), "payer": {"customer": "cus_2", "type": "customer"}}
    harness.stripe.objects[CADENCE] = body
    return event("v2.billing.cadence.updated", body, url=CADENCE, at=harness.clock.now(), identifier="evt_moved")


async def stock(harness: Harness) -> None:
    """Two subscriptions of one customer, by two cadences."""
    harness.stripe.objects |= {CADENCE: cadence(), CADENCE.replace("bc_1", "bc_2"): cadence("bc_2")}
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), OTHER: subscription("rcds_2", billing_cadence="bc_2")}
    await harness.deliver(subscription_event(), subscription_event(identifier="rcds_2"))
    assert {harness.item(one)["customer"] for one in ("rcds_1", "rcds_2")} == {"cus_1"}
    harness.clock.advance(600)


async def drain(harness: Harness) -> None:
    for _ in range(3):
        await harness.work()
        harness.clock.advance(61)


async def test_a_subscription_follows_its_cadence_to_another_customer(harness: Harness) -> None:
    await stock(harness)
    await harness.deliver(moved(harness))
    harness.stripe.requests.clear()
    await drain(harness)
    assert harness.item("rcds_1")["customer"] == "cus_2"
    assert harness.item("rcds_2")["customer"] == "cus_1"
    assert OTHER not in harness.stripe.paths, "its cadence has not moved"
    assert harness.mirror.left == {"test#left:customer:cus_1": {"test#bc_1", "test#rcds_1"}}


async def test_a_subscription_that_was_refreshed_meanwhile_follows_all_the_same(harness: Harness) -> None:
    """That refresh may have read the cadence before it was written."""
    await stock(harness)
    await harness.deliver(moved(harness))
    harness.mirror.objects["test#rcds_1"]["customer"] = "cus_1"
    harness.clock.advance(30)
    await harness.deliver(subscription_event("servicing_paused", at=harness.clock.now()))
    harness.mirror.objects["test#rcds_1"]["customer"] = "cus_1"
    await drain(harness)
    assert harness.item("rcds_1")["customer"] == "cus_2"


async def test_nothing_is_queued_while_the_customer_stays(harness: Harness) -> None:
    await stock(harness)
    harness.stripe.objects[CADENCE] = cadence(metadata={"a": "b"})
    await harness.deliver(event("v2.billing.cadence.updated", cadence(), url=CADENCE, at=harness.clock.now()))
    assert not harness.queue.waiting
    assert harness.mirror.left == {}


async def test_verify_finds_a_subscription_that_was_left_behind(harness: Harness) -> None:
    await stock(harness)
    await harness.deliver(moved(harness))
    await drain(harness)
    harness.mirror.objects["test#rcds_1"]["customer"] = "cus_1"
    harness.clock.advance(3600)
    harness.stripe.lists["/v2/billing/rate_card_subscriptions"] = [
        subscription(),
        subscription("rcds_2", billing_cadence="bc_2"),
    ]
    run = await harness.run_now(OBJECT_TYPE)
    assert [(one.id, one.resolution) for one in await harness.drifts(run)] == [("rcds_1", "repaired")]
    assert harness.item("rcds_1")["customer"] == "cus_2"


async def test_the_subscriptions_of_a_connected_account_follow_in_that_account(harness: Harness) -> None:
    harness.stripe.objects |= {CADENCE: cadence(), SUBSCRIPTION: subscription()}
    await harness.deliver(subscription_event(context="acct_1"))
    harness.clock.advance(600)
    body: JsonObject = {**cadence(), "payer": {"customer": "cus_2", "type": "customer"}}
    harness.stripe.objects[CADENCE] = body
    at = harness.clock.now()
    await harness.deliver(event("v2.billing.cadence.updated", body, url=CADENCE, at=at, context="acct_1"))
    await drain(harness)
    assert harness.item("rcds_1", "test/acct_1")["customer"] == "cus_2"
    assert harness.mirror.objects.keys() == {"test/acct_1#rcds_1", "test/acct_1#bc_1"}


async def test_a_payment_follows_an_invoice_that_had_no_customer(harness: Harness) -> None:
    lines: JsonObject = {"object": "list", "data": [], "has_more": False}
    invoice: JsonObject = {**sample("invoice", id="in_1", livemode=False), "customer": None, "lines": lines}
    payment = sample("invoice_payment", id="inpay_1", invoice="in_1", livemode=False)
    harness.stripe.objects = {"/v1/invoices/in_1": invoice, "/v1/invoice_payments/inpay_1": payment}
    await harness.deliver(event("v1.invoice_payment.paid", payment, url="/v1/invoice_payments/inpay_1"))
    assert "customer" not in harness.item("inpay_1")
    harness.clock.advance(1000)
    harness.stripe.objects["/v1/invoices/in_1"] = {**invoice, "customer": "cus_2"}
    await harness.deliver(event("v1.invoice.updated", invoice, url="/v1/invoices/in_1", at=harness.clock.now()))
    await drain(harness)
    assert harness.item("inpay_1")["customer"] == "cus_2"
