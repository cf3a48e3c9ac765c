"""What has an ending, a URL or an event of its own: singletons, cancellations, removals without events."""

import asyncio
from typing import Any

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject, canonical
from billing_mirror.core.runs.run import Resolution
from dev.fake_stripe.api.encoding import dumps

from . import samples_by_type
from .end_to_end import EndToEnd
from .samples_by_type import EVENT, SUMMARY, Sample

pytestmark = pytest.mark.parametrize("engine", ["moto", "emulator"], indirect=True)

CUSTOMER = Sample(catalog.TYPES["customer"])
SUBSCRIPTION = Sample(catalog.TYPES["subscription"])
RATE = Sample(catalog.TYPES["v2.billing.rate_card_rate"])
VERSION = Sample(catalog.TYPES["v2.billing.rate_card_version"])


async def mirrored(end_to_end: EndToEnd, *samples: Sample) -> None:
    """Stripe has all samples, the mirror these."""
    samples_by_type.load(end_to_end.backend, samples[0].object_type)
    for one in samples:
        await end_to_end.flows.request_refresh(one.object_type.name, one.ref.id, one.owner)
    await end_to_end.deliver()


async def announced(end_to_end: EndToEnd, identifier: str, event: str | None = None) -> None:
    await end_to_end.deliver(await asyncio.to_thread(end_to_end.stand_in.announce, identifier, event))


async def test_a_cash_balance_has_its_path_for_an_id(end_to_end: EndToEnd) -> None:
    sample = Sample(catalog.TYPES["cash_balance"])
    samples_by_type.load(end_to_end.backend, sample.object_type)
    path = f"/v1/customers/{CUSTOMER.ref.id}/cash_balance"
    await announced(end_to_end, path, "funds_available")
    found = end_to_end.reader().get(path)
    assert found is not None
    assert (found.id, found.type, canonical(found.body)) == (path, "cash_balance", canonical(sample.body))
    assert [one.id for one in end_to_end.reader().by_customer(CUSTOMER.ref.id, "cash_balance")] == [path]


@pytest.mark.parametrize("event", ["updated", "entitlement_added", "entitlement_removed"])
async def test_the_entitlements_of_a_customer_are_one_list(end_to_end: EndToEnd, event: str) -> None:
    samples_by_type.load(end_to_end.backend, catalog.TYPES[SUMMARY])
    path = f"/v1/entitlements/active_entitlements?customer={CUSTOMER.ref.id}"
    await announced(end_to_end, path, event)
    found = end_to_end.reader().get(path)
    assert found is not None
    assert (found.id, found.type) == (path, SUMMARY)
    assert canonical(found.body["data"]) == canonical(Sample(catalog.TYPES[SUMMARY]).body["data"])
    assert [one.id for one in end_to_end.reader().by_customer(CUSTOMER.ref.id, SUMMARY)] == [path]


async def test_a_singleton_of_a_type_outside_the_catalog(end_to_end: EndToEnd) -> None:
    settings: JsonObject = {"object": "tax.settings", "livemode": False, "status": "active", "head_office": None}
    await asyncio.to_thread(end_to_end.stand_in.put, "tax.settings", settings)
    await announced(end_to_end, "/v1/tax/settings")
    found = end_to_end.reader().get("/v1/tax/settings")
    assert found is not None
    assert (found.type, canonical(found.body)) == ("tax.settings", canonical(settings))
    assert [one.id for one in end_to_end.reader().by_type("tax.settings")] == ["/v1/tax/settings"]
    assert [request.headers["stripe-version"] for request in end_to_end.requests] == [
        end_to_end.stripe.version(catalog.ApiChannel.GA)
    ]


async def test_a_deleted_customer_keeps_the_last_body(end_to_end: EndToEnd) -> None:
    await mirrored(end_to_end, CUSTOMER)
    known = {one["id"] for one in end_to_end.events()}
    await asyncio.to_thread(end_to_end.stand_in.remove, CUSTOMER.ref.id)
    events = [one for one in end_to_end.events() if one["id"] not in known]
    assert [one["type"] for one in events] == ["v1.customer.deleted"]
    await end_to_end.deliver(events[0]["id"])
    found = end_to_end.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert found.deleted
    assert canonical(found.body) == canonical(CUSTOMER.body)
    assert [*end_to_end.reader().by_customer(CUSTOMER.ref.id, "customer")] == []


async def test_a_canceled_subscription_stays_alive(end_to_end: EndToEnd) -> None:
    await mirrored(end_to_end, SUBSCRIPTION)
    known = {one["id"] for one in end_to_end.events()}
    await asyncio.to_thread(end_to_end.stand_in.transition, SUBSCRIPTION.ref.id, "canceled")
    events = [one for one in end_to_end.events() if one["id"] not in known]
    assert "v1.customer.subscription.deleted" in {one["type"] for one in events}
    await end_to_end.deliver(*(one["id"] for one in events))
    reader = end_to_end.reader()
    found = reader.get(SUBSCRIPTION.ref.id)
    assert found is not None
    assert (found.deleted, found.body["status"]) == (False, "canceled")
    assert [one.id for one in reader.by_status("subscription", "canceled")] == [found.id]
    assert [*reader.by_status("subscription", "active")] == []
    assert [one.id for one in reader.by_type("subscription")] == [found.id]


async def test_a_rate_goes_with_the_version_that_lacks_it(end_to_end: EndToEnd) -> None:
    await mirrored(end_to_end, VERSION, RATE)
    known = {one["id"] for one in end_to_end.events()}
    await asyncio.to_thread(end_to_end.stand_in.remove, RATE.ref.id)
    events = [one for one in end_to_end.events() if one["id"] not in known]
    assert {one["type"] for one in events} == {"v2.billing.rate_card_version.created"}
    await end_to_end.deliver(*(one["id"] for one in events))
    reader = end_to_end.reader()
    assert [(one.id, one.deleted) for one in reader.members(VERSION.ref.id, RATE.object_type.name)] == [
        (RATE.ref.id, True)
    ]
    assert [*reader.children(RATE.owner or "", RATE.object_type.name)] == []
    assert len([*reader.children(RATE.owner or "", VERSION.object_type.name)]) == 2


async def test_an_event_of_a_discount_refreshes_its_customer(end_to_end: EndToEnd) -> None:
    await mirrored(end_to_end, CUSTOMER)
    known = {one["id"] for one in end_to_end.events()}
    await asyncio.to_thread(end_to_end.stand_in.update, CUSTOMER.ref.id, {"discount": None})
    events = [one for one in end_to_end.events() if one["id"] not in known]
    assert [one["type"] for one in events] == ["v1.customer.discount.deleted"]
    await end_to_end.deliver(events[0]["id"])
    found = end_to_end.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert found.body.get("discount") is None


@pytest.mark.parametrize(
    "object_type", [one for one in catalog.TYPES.values() if one.customer_account], ids=lambda one: one.name
)
@pytest.mark.parametrize("named", [None, "cus_1"])
async def test_an_account_that_is_the_customer_finds_its_objects(
    end_to_end: EndToEnd, object_type: ObjectType, named: str | None
) -> None:
    """A customer beside the account goes first: its objects are together under one id."""
    body = samples_by_type.stand_in_body(object_type) | {"customer": named, "customer_account": "acct_1"}
    await asyncio.to_thread(end_to_end.stand_in.put, object_type.name, body)
    await end_to_end.flows.request_refresh(object_type.name, body["id"], None)
    await end_to_end.deliver()
    reader = end_to_end.reader()
    found = {one: [each.id for each in reader.by_customer(one, object_type.name)] for one in ("acct_1", "cus_1")}
    assert found == ({"acct_1": [], "cus_1": [body["id"]]} if named else {"acct_1": [body["id"]], "cus_1": []})


async def test_usage_without_a_meter_is_stored_as_its_event(end_to_end: EndToEnd) -> None:
    event_id = await asyncio.to_thread(end_to_end.stand_in.meter_error)
    await end_to_end.deliver(event_id)
    found = end_to_end.reader().get(event_id)
    assert found is not None
    assert (found.type, found.body["type"]) == (EVENT, "v1.billing.meter.no_meter_found")
    assert found.body["data"]
    assert [one.id for one in end_to_end.reader().by_status(EVENT, "v1.billing.meter.no_meter_found")] == [event_id]


async def test_a_price_and_its_plan_share_an_id_and_are_two(end_to_end: EndToEnd) -> None:
    for object_type in (catalog.TYPES["price"], catalog.TYPES["plan"]):
        await only(end_to_end, object_type)
        await end_to_end.deliver()
    reader = end_to_end.reader()
    for name in ("price", "plan"):
        found = reader.get(Sample(catalog.TYPES[name]).ref.id, None if name == "price" else name)
        assert found is not None
        assert (found.type, canonical(found.body)) == (name, canonical(Sample(catalog.TYPES[name]).body))


async def only(end_to_end: EndToEnd, object_type: ObjectType) -> None:
    """Loads the sample of this type, because the stand-in holds one object for each id."""
    account = end_to_end.backend.account("", livemode=False)
    account.entities.clear()
    account.by_type.clear()
    samples_by_type.load(end_to_end.backend, object_type)
    await end_to_end.flows.request_refresh(object_type.name, Sample(object_type).ref.id)


PRICE, QUOTE = Sample(catalog.TYPES["price"]), Sample(catalog.TYPES["quote"])
NO_LIST_SHOWS = {
    PRICE: ("currency_options", "eur", "tiers", 1, "unit_amount_decimal"),
    QUOTE: ("computed", "upfront", "total_details", "breakdown", "taxes", 0, "taxable_amount"),
}
"""Where a sample has a field that Stripe shows on request only, for a path that a list cannot have."""


@pytest.mark.parametrize("sample", NO_LIST_SHOWS, ids=lambda sample: str(sample.object_type.name))
async def test_a_change_that_no_list_shows_is_repaired(end_to_end: EndToEnd, sample: Sample) -> None:
    await mirrored(end_to_end, Sample(catalog.TYPES["test_helpers.test_clock"]), sample)
    run = await end_to_end.flows.reconcile(sample.object_type)
    assert (run.complete, await end_to_end.flows.drifts(run), run.counts.refreshed) == (True, [], 1)

    changed = samples_by_type.stand_in_body(sample.object_type)
    *way, last = NO_LIST_SHOWS[sample]
    inner: Any = changed
    for step in way:
        inner = inner[step]
    inner[last] = 99
    await asyncio.to_thread(end_to_end.stand_in.put, sample.object_type.name, changed)

    [drift] = await end_to_end.flows.drifts(await end_to_end.flows.reconcile(sample.object_type))
    assert (drift.id, drift.resolution, drift.fields) == (sample.ref.id, Resolution.REPAIRED, (way[0],))
    found = end_to_end.reader().get(sample.ref.id, sample.object_type.name)
    assert found is not None
    assert canonical(found.body) == canonical(json_body.parse(dumps(changed)))


async def test_a_price_without_tiers_or_currencies_costs_one_request(end_to_end: EndToEnd) -> None:
    samples_by_type.load(end_to_end.backend, PRICE.object_type)
    body = samples_by_type.stand_in_body(PRICE.object_type)
    flat: JsonObject = {currency: {"unit_amount": 5} for currency in ("eur", "usd")}
    prices: list[JsonObject] = [{**body, "currency_options": {}}, {**body, "tiers": None, "currency_options": flat}]
    for number, price in enumerate(prices):
        await asyncio.to_thread(end_to_end.stand_in.put, "price", {**price, "id": f"price_{number}"})
        await end_to_end.flows.request_refresh("price", f"price_{number}")
    await end_to_end.deliver()
    assert sorted(request.path for request in end_to_end.requests) == ["/v1/prices/price_0", "/v1/prices/price_1"]
    await end_to_end.flows.reconcile(PRICE.object_type)
    assert [request.path for request in end_to_end.requests[2:] if "price_" in request.path] == [
        f"/v1/prices/{PRICE.ref.id}"
    ] * 2, "only the sample, which the mirror lacks"
