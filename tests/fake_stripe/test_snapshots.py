"""Snapshot events beside thin events, as the SDK parses them."""

import json

import pytest
import stripe

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import SECRET, Inbox
from tests.fake_stripe.makers import make


def test_a_destination_gets_thin_and_snapshot_event_with_equal_signatures(stand_in: StandIn, inbox: Inbox) -> None:
    stand_in.destination(inbox.url, [SECRET], payload="both")
    customer = stand_in.create("customer", {"email": "a@example.com"}, context="acct_1")
    stand_in.settle()
    bodies = {each.notification["object"]: each for each in inbox.received}
    thin, snapshot = bodies["v2.core.event"], bodies["event"]
    event = stripe.Webhook.construct_event(snapshot.body, snapshot.signature, SECRET)
    assert event.id == thin.notification["snapshot_event"]
    assert (event.type, event.account) == ("customer.created", "acct_1")
    assert isinstance(event.data.object, stripe.Customer)
    assert snapshot.notification["data"] == {"object": customer}
    assert snapshot.notification["request"] == thin.notification["reason"]["request"]
    deliveries = stand_in.deliveries()["deliveries"]
    assert {each["event_id"] for each in deliveries} == {event.id, thin.notification["id"]}


def test_an_update_has_the_previous_values_and_the_body_of_its_time(stand_in: StandIn, inbox: Inbox) -> None:
    stand_in.destination(inbox.url, [SECRET], payload="snapshot")
    customer = stand_in.create("customer")["id"]
    for name in ("Ada", "Bela"):
        stand_in.update(customer, {"name": name})
    stand_in.settle()
    updates = [each.notification["data"] for each in inbox.received if "previous_attributes" in each.body]
    names = sorted((each["object"]["name"], each["previous_attributes"]["name"]) for each in updates)
    assert names == [("Ada", None), ("Bela", "Ada")]


def test_a_snapshot_has_no_expandable_fields(stand_in: StandIn, inbox: Inbox) -> None:
    stand_in.destination(inbox.url, [SECRET], payload="snapshot")
    product = make(stand_in, "product")["id"]
    stand_in.create("price", {"product": product, "tiers": [{"up_to": None}]})
    invoice = make(stand_in, "invoice")["id"]
    stand_in.update(invoice, {"lines": [{"amount": 1}] * 12})
    stand_in.settle()
    objects = [each.notification["data"]["object"] for each in inbox.received]
    (price,) = [each for each in objects if each["object"] == "price"]
    lines = [each["lines"] for each in objects if each["object"] == "invoice"]
    assert "tiers" not in price
    assert sorted((len(each["data"]), each["has_more"]) for each in lines) == [(0, False), (10, True)]


def test_v2_has_no_snapshots(stand_in: StandIn, inbox: Inbox) -> None:
    for payload in ("snapshot", "both"):
        stand_in.destination(inbox.url, [SECRET], payload=payload)
        stand_in.create("v2.billing.rate_card", {"display_name": payload})
    stand_in.settle()
    assert len(inbox.received) == 2
    assert {json.loads(each.body)["object"] for each in inbox.received} == {"v2.core.event"}


def test_a_summary_of_entitlements_has_an_object_of_its_own(stand_in: StandIn, inbox: Inbox) -> None:
    stand_in.destination(inbox.url, [SECRET], payload="snapshot")
    made = make(stand_in, "entitlements.active_entitlement")["id"]
    stand_in.settle()
    received = next(each for each in inbox.received if "entitlement_summary" in each.body)
    event = stripe.Webhook.construct_event(received.body, received.signature, SECRET)
    summary = event.data.object
    assert isinstance(summary, stripe.entitlements.ActiveEntitlementSummary)
    assert [each.id for each in summary.entitlements.data] == [made]


def test_a_triggered_alert_is_inside_another_object(stand_in: StandIn, inbox: Inbox) -> None:
    stand_in.destination(inbox.url, [SECRET], payload="snapshot")
    alert = make(stand_in, "billing.alert")["id"]
    stand_in.announce(alert, "triggered")
    stand_in.settle()
    received = next(each for each in inbox.received if "alert_triggered" in each.body)
    event = stripe.Webhook.construct_event(received.body, received.signature, SECRET)
    assert isinstance(event.data.object, stripe.billing.AlertTriggered)
    assert event.data.object.alert.id == alert


def test_another_payload_is_refused(stand_in: StandIn) -> None:
    with pytest.raises(ControlError):
        stand_in.destination("http://127.0.0.1:1", [SECRET], payload="fat")
