"""Changes end to end: what Stripe announces comes out on the stack's own bus."""

import json
from typing import Any

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from dev.sandbox.deploy import session
from docs.change_schema import validated

from .conftest import Bundle, Shop, eventually

SUBSCRIPTION = "v2.billing.rate_card_subscription"
PAST_DUE = {
    "source": ["billing-mirror"],
    "detail-type": [f"{SUBSCRIPTION}.updated"],
    "detail": {"changed_columns": ["collection_status"], "after": {"collection_status": ["past_due"]}},
}
"""The rule of docs/changes.md."""


class Listener:
    """A queue behind a rule on the bus of changes."""

    def __init__(self, bundle: Bundle, name: str, pattern: dict[str, Any]) -> None:
        self._bundle = bundle
        events = session().client("events", endpoint_url=bundle.endpoints.aws_endpoint)
        self._url = bundle.sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = bundle.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        bus = bundle.endpoints.changes_bus
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern), State="ENABLED")
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])

    def received(self) -> list[JsonObject]:
        """The events since the last time."""
        answer = self._bundle.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self._bundle.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [json_body.parse(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture(scope="module")
def past_due(deployed: Bundle) -> Listener:
    return Listener(deployed, "past-due", PAST_DUE)


def test_a_subscription_that_becomes_past_due_is_announced(bundle: Bundle, shop: Shop, past_due: Listener) -> None:
    subscription = shop.subscription()
    bundle.stripe.transition(subscription, "active")
    assert eventually(lambda: bundle.reader.get(subscription)), "or one fetch would show both changes"
    bundle.stripe.transition(subscription, "past_due")
    assert bundle.stripe.settle(60)
    found = eventually(past_due.received)
    detail = found[-1]["detail"]
    assert isinstance(detail, dict)
    shown = validated(detail)
    assert (shown["id"], shown["scope"]) == (subscription, "test")
    assert isinstance(shown["customer"], str), "a subscription names no customer; its cadence does"
    assert {"path": "/collection_status", "before": "current", "after": "past_due"} in shown["changed"]  # type: ignore[operator]
