"""EventBridge end to end: an event on Stripe's partner event bus reaches the table without a webhook."""

import json
import time
from typing import Any

import pytest

from dev.sandbox.deploy import EVENT_BUS, STACK, session

from .conftest import Bundle, Shop, eventually

ITEM = "v2.billing.metered_item"


class Bus:
    """The partner event bus, for Stripe and for other sources."""

    def __init__(self, endpoint: str) -> None:
        self._events = session().client("events", endpoint_url=endpoint)

    def put(self, event: dict[str, Any]) -> None:
        """Puts an event as Stripe does: https://docs.stripe.com/event-destinations/eventbridge"""
        entry = {"Time": time.time(), "Source": EVENT_BUS, "DetailType": event["type"], "Detail": json.dumps(event)}
        assert self._events.put_partner_events(Entries=[entry])["FailedEntryCount"] == 0

    def put_from_another_source(self, event: dict[str, Any]) -> None:
        entry = {"EventBusName": EVENT_BUS, "Source": "orders", "DetailType": "order", "Detail": json.dumps(event)}
        assert self._events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def rule(self) -> str:
        """The ARN of the deployed rule."""
        return str(self._events.describe_rule(Name=STACK, EventBusName=EVENT_BUS)["Arn"])


@pytest.fixture
def bus(bundle: Bundle) -> Bus:
    return Bus(bundle.endpoints.aws_endpoint)


def item_without_webhook(bundle: Bundle) -> str:
    """The id of a new metered item for which the webhook got no event."""
    meter = bundle.stripe.create("billing.meter", {"display_name": "Tokens", "event_name": f"tokens_{time.time_ns()}"})
    fields = {"display_name": "From the bus", "meter": meter["id"]}
    return str(bundle.stripe.create(ITEM, fields, without_event=True)["id"])


def thin_event(item: str) -> dict[str, Any]:
    return {
        "object": "v2.core.event",
        "id": f"evt_test_{time.time_ns()}",
        "type": "v2.billing.metered_item.created",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "livemode": False,
        "related_object": {"id": item, "type": ITEM, "url": f"/v2/billing/metered_items/{item}"},
    }


def snapshot_event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """https://docs.stripe.com/api/events/object"""
    return {
        "object": "event",
        "id": f"evt_{time.time_ns()}",
        "type": kind,
        "created": int(time.time()),
        "livemode": False,
        "api_version": "2026-09-30.clover",
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "data": {"object": body},
    }


def test_a_thin_event_from_the_bus_ends_in_the_table(bundle: Bundle, bus: Bus) -> None:
    item = item_without_webhook(bundle)
    event = thin_event(item)
    bus.put(event)
    found = eventually(lambda: bundle.reader.get(item))
    assert found is not None
    assert found.body["display_name"] == "From the bus"
    assert eventually(lambda: bundle.outcomes(event["id"])) == ["stored"]
    assert bundle.take_quarantined() == []


def test_a_snapshot_event_from_the_bus_ends_in_the_table(bundle: Bundle, bus: Bus) -> None:
    """The table gets Stripe's present object: the body in the event is older."""
    customer = bundle.stripe.create("customer", {"name": "Ann"}, without_event=True)
    bundle.stripe.update(customer["id"], {"name": "Ann Lee"}, without_event=True)
    event = snapshot_event("customer.created", customer)
    bus.put(event)
    found = eventually(lambda: bundle.reader.get(customer["id"]))
    assert found is not None
    assert found.body["name"] == "Ann Lee"
    assert eventually(lambda: bundle.outcomes(event["id"])) == ["stored"]
    assert bundle.take_quarantined() == []


def test_the_queues_hold_the_identity_of_an_event_and_nothing_of_its_object(bundle: Bundle, bus: Bus) -> None:
    """The emulator applies the rule's input transformer."""
    refused = ".."  # no URL can name it
    body = {"id": refused, "object": "customer", "email": "ann@example.com", "metadata": {"a": "sesame"}}
    bus.put(snapshot_event("customer.updated", body))
    [quarantined] = eventually(bundle.take_quarantined)
    assert json.loads(quarantined.body)["detail"]["data"]["object"]["id"] == refused
    assert "ann@example.com" not in quarantined.body
    assert "sesame" not in quarantined.body


def test_an_event_by_webhook_and_bus_is_stored_once(bundle: Bundle, shop: Shop, bus: Bus) -> None:
    bundle.stripe.transition(shop.subscription(), "paused")
    assert bundle.stripe.settle()
    event = bundle.stripe.events()[-1]
    bus.put(event)
    assert eventually(lambda: len(bundle.outcomes(event["id"])) == 2)
    assert bundle.wait_until_equal().differences == []
    assert bundle.take_quarantined() == []


def test_an_event_from_another_source_is_not_received(bundle: Bundle, bus: Bus) -> None:
    item = item_without_webhook(bundle)
    stranger = thin_event(item)
    bus.put_from_another_source(stranger)
    bus.put(thin_event(item))
    assert eventually(lambda: bundle.reader.get(item)) is not None
    assert bundle.outcomes(stranger["id"]) == []
    assert bundle.take_quarantined() == []


def test_the_queues_accept_messages_of_the_deployed_rule_only(bundle: Bundle, bus: Bus) -> None:
    """The emulator does not enforce the policy, AWS does."""
    for queue in (bundle.endpoints.queue_url, bundle.endpoints.quarantine_url):
        answer = bundle.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])
        _, statement = json.loads(answer["Attributes"]["Policy"])["Statement"]
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": bus.rule()}}
