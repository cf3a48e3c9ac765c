"""The deployed bundle end to end, with types that need more than one fetch by id."""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from billing_mirror.core.catalog import EVENT_OBJECTS, USAGE
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import OBJECT
from billing_mirror.reader import Reader, Run

from .conftest import Bundle, Shop, eventually

INVOICE = "invoice"
HOUR = 3600


@pytest.fixture
def customer(bundle: Bundle) -> str:
    return str(bundle.stripe.create("customer", {"name": "Ivo", "email": "ivo@example.com"})["id"])


@pytest.fixture
def both_payloads(bundle: Bundle) -> Iterator[None]:
    """Stripe sends thin and snapshot events of the same changes."""
    dependencies = bundle.endpoints
    bundle.stripe.destination(dependencies.webhook_url, [dependencies.signing_secret], payload="both")
    yield
    bundle.stripe.destination(dependencies.webhook_url, [dependencies.signing_secret])


def body_of(bundle: Bundle, identifier: str) -> JsonObject:
    found = bundle.reader.get(identifier)
    assert found is not None, f"{identifier} is not in the table"
    return found.body


def require_equal(bundle: Bundle) -> None:
    assert bundle.wait_until_equal().differences == []


def test_an_invoice_has_all_its_lines(bundle: Bundle, customer: str) -> None:
    lines: list[JsonObject] = [{"amount": number, "description": f"Line {number}"} for number in range(230)]
    invoice = bundle.stripe.create(INVOICE, {"customer": customer, "lines": lines})["id"]
    require_equal(bundle)
    held = body_of(bundle, invoice)["lines"]
    assert isinstance(held, dict)
    assert isinstance(held["data"], list)
    assert [line["amount"] for line in held["data"] if isinstance(line, dict)] == list(range(230))
    assert [one.id for one in bundle.reader.by_customer(customer, INVOICE)] == [invoice]


def test_a_canceled_v1_subscription_keeps_its_body(bundle: Bundle, customer: str) -> None:
    price = bundle.stripe.create("price", {"product": bundle.stripe.create("product", {"name": "Seats"})["id"]})
    subscription = bundle.stripe.create("subscription", {"customer": customer, "items": [{"price": price}] * 12})["id"]
    bundle.stripe.transition(subscription, "canceled")
    require_equal(bundle)
    assert body_of(bundle, subscription)["status"] == "canceled"
    assert subscription in [one.id for one in bundle.reader.by_status("subscription", "canceled")]


def test_a_deleted_customer_keeps_the_last_known_body(bundle: Bundle, customer: str) -> None:
    require_equal(bundle)
    bundle.stripe.remove(customer)
    require_equal(bundle)
    found = bundle.reader.get(customer)
    assert found is not None
    assert (found.deleted, found.body["name"]) == (True, "Ivo")
    assert list(bundle.reader.by_customer(customer)) == []


def test_a_discount_event_refreshes_its_customer(bundle: Bundle, customer: str) -> None:
    require_equal(bundle)
    bundle.stripe.update(customer, {"discount": {"id": "di_1", "object": "discount", "customer": customer}})
    require_equal(bundle)
    assert body_of(bundle, customer)["discount"]


def test_an_object_without_an_id_is_found_by_its_path(bundle: Bundle, customer: str) -> None:
    path = f"/v1/customers/{customer}/cash_balance"
    bundle.stripe.create("cash_balance", {"available": {"eur": 1000}}, parent=customer)
    bundle.stripe.announce(path)
    feature = bundle.stripe.create("entitlements.feature", {"name": "Reports", "lookup_key": f"reports-{customer}"})
    entitlement = {"feature": feature["id"], "lookup_key": feature["lookup_key"]}
    bundle.stripe.create("entitlements.active_entitlement", entitlement, parent=customer)
    require_equal(bundle)
    assert body_of(bundle, path)["available"] == {"eur": 1000}
    summary = f"/v1/entitlements/active_entitlements?customer={customer}"
    data = body_of(bundle, summary)["data"]
    assert isinstance(data, list)
    assert len(data) == 1
    assert {one.id for one in bundle.reader.by_customer(customer)} == {customer, path, summary}


def test_an_object_without_events_is_fetched_when_a_plan_names_it(bundle: Bundle) -> None:
    credit = bundle.stripe.create("v2.billing.service_action", {"type": "credit_grant"})["id"]
    component = {"type": "service_action", "service_action": {"id": credit}}
    bundle.stripe.create("v2.billing.pricing_plan", {"display_name": "Team", "components": [component]})
    require_equal(bundle)
    assert body_of(bundle, credit)["type"] == "credit_grant"


def test_usage_that_stripe_rejected_is_stored_with_the_reason(bundle: Bundle) -> None:
    meter = bundle.stripe.create("billing.meter", {"display_name": "Calls", "event_name": "calls"})["id"]
    reports = [bundle.stripe.meter_error(meter), bundle.stripe.meter_error()]
    [object_type] = {object_type.name for object_type in EVENT_OBJECTS.values()}
    for report in reports:
        found = eventually(partial(bundle.reader.get, report))
        assert found is not None
        assert found.type == object_type
        assert "reason" in str(found.body["data"])
    assert [one.id for one in bundle.reader.children(meter, object_type)] == reports[:1]


@pytest.mark.usefixtures("both_payloads")
def test_thin_and_snapshot_events_of_one_change_store_one_state(bundle: Bundle, customer: str) -> None:
    for name in ("Ivo", "Iva", "Ivan"):
        bundle.stripe.update(customer, {"name": f"{name} {customer}"})
    require_equal(bundle)
    events = [event for event in bundle.stripe.events() if (event.get("related_object") or {}).get("id") == customer]
    twins = [outcome for event in events for outcome in bundle.outcomes(event["snapshot_event"])]
    assert twins
    assert set(twins) <= {"stored", "unchanged", "superseded", "already_fresh"}
    assert bundle.take_quarantined() == []


@pytest.mark.parametrize("chosen", ["25% OFF", "Pro plan $699/month"])
def test_an_id_may_be_any_text(bundle: Bundle, chosen: str) -> None:
    identifier = f"{chosen} {time.time_ns()}"
    bundle.stripe.create("coupon", {"id": identifier, "percent_off": "25", "duration": "once"})
    require_equal(bundle)
    assert body_of(bundle, identifier)["duration"] == "once"


def test_two_accounts_may_have_objects_with_the_same_id(bundle: Bundle) -> None:
    identifier = f"cus_{time.time_ns()}"
    contexts = (None, "acct_1", "acct_1/acct_2")
    bundle.stripe.accounts([context for context in contexts if context])
    for context in contexts:
        body: JsonObject = {"id": identifier, "object": "customer", "livemode": False, "name": f"of {context}"}
        bundle.stripe.put("customer", body, context=context)
        bundle.stripe.announce(identifier, "updated", context=context)
    for context in contexts:
        scope = f"test/{context}" if context else "test"
        reader = Reader(bundle.endpoints.table, scope=scope, client=bundle.dynamodb)
        found = eventually(partial(reader.get, identifier))
        assert found is not None
        assert found.body["name"] == f"of {context}"


def test_an_object_of_another_stripe_version_is_refreshed_and_no_drift(bundle: Bundle, shop: Shop) -> None:
    require_equal(bundle)
    old, type_name = "2024-01-01.preview", "v2.billing.rate_card"
    bundle.reconcile(type_name)

    def refreshes() -> Run | None:
        """Unless a message about the card, which is read once more a minute after its creation, refreshes it first."""
        bundle.dynamodb.update_item(
            TableName=bundle.endpoints.table,
            Key={"pk": {"S": f"test#{shop.card}"}, "sk": {"S": OBJECT}},
            UpdateExpression="SET stripe_version = :old",
            ExpressionAttributeValues={":old": {"S": old}},
        )
        run = bundle.reconcile(type_name)
        assert (run.counts.found, run.status) == (0, "complete")
        return run if run.counts.refreshed else None

    run = eventually(refreshes)
    assert run is not None
    assert run.counts.refreshed == 1
    refreshed = bundle.reader.get(shop.card)
    assert refreshed is not None
    assert refreshed.stripe_version != old


def test_the_usage_job_stores_the_hours_of_metered_customers(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    [held] = [one for one in bundle.stripe.objects("v2.billing.rate_card_subscription") if one["id"] == subscription]
    cadence = body_of(bundle, held["body"]["billing_cadence"])
    assert isinstance(cadence["payer"], dict)
    customer = str(cadence["payer"]["customer"])
    meter = str(body_of(bundle, shop.item)["meter"])
    this_hour = int(time.time()) // HOUR * HOUR
    for hours_ago, value in ((1, 5), (1, 7), (30, "2.5")):
        bundle.stripe.usage(meter, customer, value, timestamp=this_hour - hours_ago * HOUR + 60)
    run = bundle.reconcile(USAGE.name)
    assert (run.status, run.counts.written) == ("complete", 2)
    hours = [*bundle.reader.by_customer(customer, USAGE.name)]
    assert [str(one.body["aggregated_value"]) for one in hours] == ["12", "2.5"]
    bundle.stripe.usage(meter, customer, 1, timestamp=this_hour - 30 * HOUR + 120)
    assert bundle.reconcile(USAGE.name).counts.written == 1
    [_, older] = [*bundle.reader.by_customer(customer, USAGE.name)]
    assert str(older.body["aggregated_value"]) == "3.5"
