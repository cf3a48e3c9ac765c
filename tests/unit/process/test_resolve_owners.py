"""Events about a part of other objects: each owner that the event names is refreshed."""

import json

import pytest

from billing_mirror.core.events.messages import read_notification
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import Json, JsonObject
from tests.unit.harness import Harness
from tests.unit.reconcile.listed_events import recovered

EVENT = "/v2/core/events/evt_1"
CREATED = "v1.customer.discount.created"
CUSTOMER = "/v1/customers/cus_1"
SUBSCRIPTION = "/v1/subscriptions/sub_1"
INVOICE = "/v1/invoices/in_1"
ITEM = "/v1/invoiceitems/ii_1"
PIECE = "/v1/subscription_items/si_1"
BALANCE = "/v1/customers/cus_1/cash_balance"
TRANSACTION = "customer_cash_balance_transaction"
OWNERS = {"customer": "cus_1", "subscription": "sub_1", "invoice": "in_1", "invoice_item": "ii_1"}


@pytest.fixture
def stocked(harness: Harness) -> Harness:
    """Stripe holds an object of each kind that can own a discount."""
    for path, name in ((CUSTOMER, "customer"), (SUBSCRIPTION, "subscription"), (INVOICE, "invoice")):
        harness.stripe.objects[path] = {"id": path.rpartition("/")[2], "object": name, "livemode": False}
    harness.stripe.objects[ITEM] = {"id": "ii_1", "object": "invoiceitem", "livemode": False}
    harness.stripe.objects[BALANCE] = {"object": "cash_balance", "customer": "cus_1", "livemode": False}
    return harness


def snapshot(**fields: Json) -> str:
    return snapshot_of(fields)


def snapshot_of(fields: JsonObject, name: str = "discount", event_type: str = "customer.discount.created") -> str:
    """A snapshot event, as ingest queues it."""
    shown: JsonObject = {"id": "di_1", "object": name, **fields}
    event: JsonObject = {"object": "event", "id": "evt_1", "type": event_type, "created": 1_700_000_000}
    text = json.dumps({**event, "livemode": False, "data": {"object": shown}})
    return read_notification(text).model_dump_json(exclude_none=True)


def thin(url: str) -> str:
    related: JsonObject = {"type": "discount", "url": url}
    event: JsonObject = {"object": "v2.core.event", "id": "evt_1", "type": CREATED, "related_object": related}
    return json.dumps({**event, "created": "2023-11-14T22:00:00Z", "livemode": False})


async def stored(harness: Harness, text: str) -> list[str]:
    """What process has stored of the objects that a message is about."""
    results = await harness.deliver(text)
    for _ in range(6):
        results += await harness.work()
    assert {result.outcome for result in results} <= {Outcome.STORED, Outcome.UNCHANGED}
    return sorted(str(item["id"]) for item in harness.mirror.objects.values())


@pytest.mark.parametrize("path", OWNERS)
async def test_a_discount_refreshes_the_only_owner_that_a_snapshot_names(stocked: Harness, path: str) -> None:
    others: JsonObject = dict.fromkeys(OWNERS)
    assert await stored(stocked, snapshot_of(others | {path: OWNERS[path]})) == [OWNERS[path]]
    assert EVENT not in stocked.stripe.paths


async def test_a_discount_refreshes_all_owners_that_a_snapshot_names(stocked: Harness) -> None:
    assert await stored(stocked, snapshot(**OWNERS)) == sorted(OWNERS.values())
    assert EVENT not in stocked.stripe.paths


async def test_every_owner_remembers_the_event(stocked: Harness) -> None:
    """Else the job that recovers lost events would take it for lost."""
    await stored(stocked, snapshot(**OWNERS))
    assert {item.get("last_event_at") for item in stocked.mirror.objects.values()} == {"2023-11-14T22:13:20.000Z"}


@pytest.mark.parametrize(
    ("url", "data", "expected"),
    [
        (f"{CUSTOMER}/discount", {}, ["cus_1"]),
        (f"{CUSTOMER}/discount", None, ["cus_1"]),
        (f"{CUSTOMER}/discount", {"subscription": "sub_1"}, ["cus_1", "sub_1"]),
        (f"{SUBSCRIPTION}/discount", {"customer": "cus_1", "subscription": "sub_1"}, ["cus_1", "sub_1"]),
        (f"{INVOICE}/discounts/di_1", {"invoice": "in_1"}, ["in_1"]),
        ("/v1/discounts/di_1", {"customer": None, "invoice_item": "ii_1"}, ["ii_1"]),
    ],
)
async def test_a_thin_event_refreshes_the_owners_in_its_url_and_its_data(
    stocked: Harness, url: str, data: Json, expected: list[str]
) -> None:
    stocked.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": data}
    assert await stored(stocked, thin(url)) == expected


async def test_the_owner_in_the_url_is_refreshed_where_stripe_no_longer_keeps_the_event(stocked: Harness) -> None:
    assert await stored(stocked, thin(f"{CUSTOMER}/discount")) == ["cus_1"]


async def test_a_snapshot_without_an_owner_has_the_one_of_the_fetched_event(stocked: Harness) -> None:
    stocked.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": {"subscription": "sub_1"}}
    assert await stored(stocked, snapshot(customer=None)) == ["sub_1"]


async def test_a_discount_without_an_owner_is_quarantined(stocked: Harness) -> None:
    stocked.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": {}}
    stocked.clock.advance(120)
    [result] = await stocked.deliver(snapshot(customer=None))
    assert result.outcome is Outcome.QUARANTINED
    assert result.reason == "the event does not say whose object it is about"


async def test_a_message_that_fails_later_has_queued_the_other_owners_by_then(stocked: Harness) -> None:
    del stocked.stripe.objects[CUSTOMER]  # not shown yet: the message is postponed
    await stocked.deliver(snapshot(customer="cus_1", subscription="sub_1"))
    await stocked.work()
    assert [item["id"] for item in stocked.mirror.objects.values()] == ["sub_1"]


async def test_the_same_event_about_another_owner_counts_as_sent_by_the_webhook(stocked: Harness) -> None:
    """It stays what Stripe pushed, also for the metric of events of the other mode."""
    await stocked.deliver(snapshot(customer="cus_1", subscription="sub_1"))
    assert [one.group for one in stocked.queue.waiting] == ["test:webhook"]


async def test_a_transaction_refreshes_the_customers_cash_balance(stocked: Harness) -> None:
    assert await stored(stocked, snapshot_of({"customer": "cus_1"}, TRANSACTION, f"{TRANSACTION}.created")) == [BALANCE]


async def test_a_lost_event_is_recovered_until_each_owner_reflects_it(stocked: Harness) -> None:
    event: JsonObject = {**json.loads(thin(f"{CUSTOMER}/discount")), "data": {"subscription": "sub_1"}}
    stocked.stripe.events = [event]
    stocked.stripe.objects[EVENT] = event
    await stored(stocked, thin(f"{CUSTOMER}/discount"))
    del stocked.mirror.objects["test#sub_1"], stocked.mirror.counters["test#sub_1"]
    run = await recovered(stocked)
    assert run.counts.queued == 1
    while stocked.queue.waiting:
        await stocked.work()
    assert stocked.item("sub_1")["id"] == "sub_1"
    stocked.clock.advance(300)
    assert (await recovered(stocked)).counts.queued == 0


async def test_an_event_whose_owners_the_list_does_not_show_is_recovered(stocked: Harness) -> None:
    """Nothing says that the mirror reflects it: only the fetched event names its owners."""
    event: JsonObject = json.loads(thin("/v1/discounts/di_1"))
    stocked.stripe.events = [event]
    stocked.stripe.objects[EVENT] = {**event, "data": {"invoice_item": "ii_1"}}
    run = await recovered(stocked)
    assert run.counts.queued == 1
    await stocked.work()
    assert stocked.item("ii_1")["id"] == "ii_1"


class TestADiscountOfASubscriptionItem:
    """No event and no list shows the item alone: the discount is in the subscription."""

    @pytest.fixture(autouse=True)
    def _stock(self, stocked: Harness) -> None:
        stocked.stripe.objects[PIECE] = {"id": "si_1", "object": "subscription_item", "subscription": "sub_1"}

    @pytest.mark.parametrize(
        ("named", "expected"),
        [
            ({}, ["sub_1"]),
            ({"customer_account": "acct_1"}, ["sub_1"]),
            ({"customer": "cus_1"}, ["cus_1", "sub_1"]),
            ({"customer": "cus_1", "invoice": "in_1"}, ["cus_1", "in_1", "sub_1"]),
        ],
    )
    async def test_refreshes_the_subscription_of_the_item(
        self, stocked: Harness, named: JsonObject, expected: list[str]
    ) -> None:
        assert await stored(stocked, snapshot_of({"subscription_item": "si_1", **named})) == expected
        assert stocked.stripe.paths.count(PIECE) == 1
        assert EVENT not in stocked.stripe.paths

    async def test_costs_no_request_where_the_subscription_is_named(self, stocked: Harness) -> None:
        named = snapshot(subscription_item="si_1", subscription="sub_1")
        assert await stored(stocked, named) == ["sub_1"]
        assert stocked.stripe.paths == [SUBSCRIPTION]

    async def test_is_named_by_the_fetched_event_of_a_thin_one(self, stocked: Harness) -> None:
        data: JsonObject = {"customer": "cus_1", "subscription_item": "si_1"}
        stocked.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": data}
        assert await stored(stocked, thin(f"{CUSTOMER}/discount")) == ["cus_1", "sub_1"]

    async def test_waits_for_an_item_that_stripe_may_not_show_yet(self, stocked: Harness) -> None:
        del stocked.stripe.objects[PIECE]
        [result] = await stocked.deliver(snapshot(subscription_item="si_1", customer="cus_1"))
        assert result.outcome is Outcome.POSTPONED

    async def test_waits_where_something_else_answers(self, stocked: Harness) -> None:
        stocked.stripe.objects[PIECE] = {"error": "unavailable"}
        [result] = await stocked.deliver(snapshot(subscription_item="si_1"))
        assert result.outcome is Outcome.POSTPONED

    async def test_concerns_the_others_only_once_the_item_is_gone(self, stocked: Harness) -> None:
        del stocked.stripe.objects[PIECE]
        stocked.clock.advance(120)
        assert await stored(stocked, snapshot(subscription_item="si_1", customer="cus_1")) == ["cus_1"]
        [result] = await stocked.deliver(snapshot(subscription_item="si_1"))
        assert result.outcome is Outcome.IGNORED, "no object holds it any more"

    @pytest.mark.parametrize("identifier", [".", "..", "a/b", "%2e%2e", "si_1?x", "", "é"])
    async def test_of_a_malicious_id_is_quarantined_without_a_request(self, stocked: Harness, identifier: str) -> None:
        stocked.clock.advance(120)
        [result] = await stocked.deliver(snapshot(subscription_item=identifier))
        assert result.outcome is Outcome.QUARANTINED
        assert stocked.stripe.paths == []

    async def test_is_recovered_although_its_customer_reflects_it(self, stocked: Harness) -> None:
        """Only the item says whose subscription it is."""
        data: JsonObject = {"customer": "cus_1", "subscription_item": "si_1"}
        event: JsonObject = {**json.loads(thin(f"{CUSTOMER}/discount")), "data": data}
        stocked.stripe.events, stocked.stripe.objects[EVENT] = [event], event
        await stored(stocked, thin(f"{CUSTOMER}/discount"))
        del stocked.mirror.objects["test#sub_1"], stocked.mirror.counters["test#sub_1"]
        assert (await recovered(stocked)).counts.queued == 1
        for _ in range(4):
            await stocked.work()
        assert stocked.item("sub_1")["id"] == "sub_1"
