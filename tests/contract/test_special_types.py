"""What has an ending, a URL or an event of its own: singletons, cancellations, removals without events."""

import asyncio

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject, canonical

from . import samples_by_type
from .end_to_end import Journey
from .samples_by_type import EVENT, SUMMARY, Sample

pytestmark = pytest.mark.parametrize("engine", ["moto", "emulator"], indirect=True)

CUSTOMER = Sample(catalog.TYPES["customer"])
SUBSCRIPTION = Sample(catalog.TYPES["subscription"])
RATE = Sample(catalog.TYPES["v2.billing.rate_card_rate"])
VERSION = Sample(catalog.TYPES["v2.billing.rate_card_version"])


async def mirrored(journey: Journey, *samples: Sample) -> None:
    """Stripe has all samples, the mirror these."""
    samples_by_type.load(journey.backend, samples[0].object_type)
    for one in samples:
        await journey.office.suspect(one.object_type.name, one.ref.id, one.owner)
    await journey.deliver()


async def announced(journey: Journey, identifier: str, event: str | None = None) -> None:
    await journey.deliver(await asyncio.to_thread(journey.stand_in.announce, identifier, event))


async def test_a_cash_balance_has_its_path_for_an_id(journey: Journey) -> None:
    sample = Sample(catalog.TYPES["cash_balance"])
    samples_by_type.load(journey.backend, sample.object_type)
    path = f"/v1/customers/{CUSTOMER.ref.id}/cash_balance"
    await announced(journey, path, "funds_available")
    found = journey.reader().get(path)
    assert found is not None
    assert (found.id, found.type, canonical(found.body)) == (path, "cash_balance", canonical(sample.body))
    assert [one.id for one in journey.reader().by_customer(CUSTOMER.ref.id, "cash_balance")] == [path]


@pytest.mark.parametrize("event", ["updated", "entitlement_added", "entitlement_removed"])
async def test_the_entitlements_of_a_customer_are_one_list(journey: Journey, event: str) -> None:
    samples_by_type.load(journey.backend, catalog.TYPES[SUMMARY])
    path = f"/v1/entitlements/active_entitlements?customer={CUSTOMER.ref.id}"
    await announced(journey, path, event)
    found = journey.reader().get(path)
    assert found is not None
    assert (found.id, found.type) == (path, SUMMARY)
    assert canonical(found.body["data"]) == canonical(Sample(catalog.TYPES[SUMMARY]).body["data"])
    assert [one.id for one in journey.reader().by_customer(CUSTOMER.ref.id, SUMMARY)] == [path]


async def test_a_singleton_of_a_type_outside_the_catalog(journey: Journey) -> None:
    settings: JsonObject = {"object": "tax.settings", "livemode": False, "status": "active", "head_office": None}
    await asyncio.to_thread(journey.stand_in.put, "tax.settings", settings)
    await announced(journey, "/v1/tax/settings")
    found = journey.reader().get("/v1/tax/settings")
    assert found is not None
    assert (found.type, canonical(found.body)) == ("tax.settings", canonical(settings))
    assert [one.id for one in journey.reader().by_type("tax.settings")] == ["/v1/tax/settings"]
    assert [request.headers["stripe-version"] for request in journey.asked] == [
        journey.stripe.version(catalog.ApiChannel.GA)
    ]


async def test_a_deleted_customer_keeps_the_last_body(journey: Journey) -> None:
    await mirrored(journey, CUSTOMER)
    known = {one["id"] for one in journey.told()}
    await asyncio.to_thread(journey.stand_in.remove, CUSTOMER.ref.id)
    events = [one for one in journey.told() if one["id"] not in known]
    assert [one["type"] for one in events] == ["v1.customer.deleted"]
    await journey.deliver(events[0]["id"])
    found = journey.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert found.deleted
    assert canonical(found.body) == canonical(CUSTOMER.body)
    assert journey.reader().by_customer(CUSTOMER.ref.id, "customer").items == []


async def test_a_canceled_subscription_stays_alive(journey: Journey) -> None:
    await mirrored(journey, SUBSCRIPTION)
    known = {one["id"] for one in journey.told()}
    await asyncio.to_thread(journey.stand_in.transition, SUBSCRIPTION.ref.id, "canceled")
    events = [one for one in journey.told() if one["id"] not in known]
    assert "v1.customer.subscription.deleted" in {one["type"] for one in events}
    await journey.deliver(*(one["id"] for one in events))
    reader = journey.reader()
    found = reader.get(SUBSCRIPTION.ref.id)
    assert found is not None
    assert (found.deleted, found.body["status"]) == (False, "canceled")
    assert [one.id for one in reader.by_status("subscription", "canceled")] == [found.id]
    assert reader.by_status("subscription", "active").items == []
    assert [one.id for one in reader.by_type("subscription")] == [found.id]


async def test_a_rate_goes_with_the_version_that_lacks_it(journey: Journey) -> None:
    await mirrored(journey, VERSION, RATE)
    known = {one["id"] for one in journey.told()}
    await asyncio.to_thread(journey.stand_in.remove, RATE.ref.id)
    events = [one for one in journey.told() if one["id"] not in known]
    assert {one["type"] for one in events} == {"v2.billing.rate_card_version.created"}
    await journey.deliver(*(one["id"] for one in events))
    reader = journey.reader()
    assert [(one.id, one.deleted) for one in reader.members(VERSION.ref.id, RATE.object_type.name)] == [
        (RATE.ref.id, True)
    ]
    assert reader.children(RATE.owner or "", RATE.object_type.name).items == []
    assert len(reader.children(RATE.owner or "", VERSION.object_type.name).items) == 2


async def test_the_news_of_a_discount_is_news_of_its_customer(journey: Journey) -> None:
    await mirrored(journey, CUSTOMER)
    known = {one["id"] for one in journey.told()}
    await asyncio.to_thread(journey.stand_in.update, CUSTOMER.ref.id, {"discount": None})
    events = [one for one in journey.told() if one["id"] not in known]
    assert [one["type"] for one in events] == ["v1.customer.discount.deleted"]
    await journey.deliver(events[0]["id"])
    found = journey.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert found.body.get("discount") is None


async def test_usage_that_no_meter_counts_is_kept_as_the_event_that_tells_of_it(journey: Journey) -> None:
    event_id = await asyncio.to_thread(journey.stand_in.meter_error)
    await journey.deliver(event_id)
    found = journey.reader().get(event_id)
    assert found is not None
    assert (found.type, found.body["type"]) == (EVENT, "v1.billing.meter.no_meter_found")
    assert found.body["data"]
    assert [one.id for one in journey.reader().by_status(EVENT, "v1.billing.meter.no_meter_found")] == [event_id]


async def test_a_price_and_its_plan_share_an_id_and_are_two(journey: Journey) -> None:
    for object_type in (catalog.TYPES["price"], catalog.TYPES["plan"]):
        await only(journey, object_type)
        await journey.deliver()
    reader = journey.reader()
    for name in ("price", "plan"):
        found = reader.get(Sample(catalog.TYPES[name]).ref.id, None if name == "price" else name)
        assert found is not None
        assert (found.type, canonical(found.body)) == (name, canonical(Sample(catalog.TYPES[name]).body))


async def only(journey: Journey, object_type: ObjectType) -> None:
    """The stand-in has one object for each id: the one of this type, for now."""
    account = journey.backend.account("", livemode=False)
    account.entities.clear()
    account.by_type.clear()
    samples_by_type.load(journey.backend, object_type)
    await journey.office.suspect(object_type.name, Sample(object_type).ref.id)
