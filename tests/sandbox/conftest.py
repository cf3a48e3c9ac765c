"""The deployed bundle, from webhook to table, and a test's means to use and inspect it."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import stripe
from mypy_boto3_sqs.type_defs import MessageTypeDef

from billing_mirror.reader import Reader
from dev.sandbox import logs
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox

PATIENCE = 40.0
"""Seconds until :func:`eventually` gives up."""

T = TypeVar("T")


@dataclass(frozen=True)
class Quarantined:
    body: str
    reason: str


class Bundle(Observer):
    """An observer that can also send requests to the webhook and read the quarantine."""

    def post(self, body: str | bytes, header: str | None = None) -> requests.Response:
        """Sends any request to the webhook's URL."""
        headers = {"content-type": "application/json"}
        if header is not None:
            headers["Stripe-Signature"] = header
        return requests.post(self.endpoints.webhook_url, data=body, headers=headers, timeout=30)

    def sign(self, body: str, *, at: float | None = None) -> str:
        """The signature header for a body, as Stripe sends it."""
        moment = int(time.time() if at is None else at)
        secret = self.endpoints.signing_secret
        return str(stripe.WebhookSignature.generate_signature_header(body, secret, moment))

    def queue_is_empty(self) -> bool:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.endpoints.queue_url, AttributeNames=["All"])
        counts = answer["Attributes"]
        waiting = counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]
        return waiting == ("0", "0")

    def take_quarantined(self) -> list[Quarantined]:
        """Receives and deletes all messages in quarantine."""
        taken: list[Quarantined] = []
        url = self.endpoints.quarantine_url
        while messages := self._receive(url):
            for message in messages:
                attributes = message.get("MessageAttributes", {})
                reason = attributes["reason"]["StringValue"] if "reason" in attributes else ""
                taken.append(Quarantined(message["Body"], reason))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def _receive(self, url: str) -> list[MessageTypeDef]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return answer.get("Messages", [])

    def outcomes(self, event_id: str) -> list[str]:
        """The outcomes in process's logs of one event's messages."""
        return [
            str(record["outcome"])
            for record in logs.records(self.logs)
            if record.get("event_id") == event_id and record.get("service") == "process"
        ]

    def refreshing_reader(self) -> Reader:
        """A reader that may ask the stack for a fetch, as docs/reading.md shows it."""

        def refresh(message: str) -> None:
            self.sqs.send_message(QueueUrl=self.endpoints.queue_url, MessageBody=message, MessageGroupId="requested")

        return Reader(self.endpoints.table, scope="test", client=self.dynamodb, refresh=refresh)

    def log_text(self) -> str:
        return "\n".join(logs.lines(self.logs))


def eventually(read: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first true result of ``read``, or its last result."""
    until = time.monotonic() + patience
    while not (result := read()) and time.monotonic() < until:
        time.sleep(0.1)
    return result


@pytest.fixture(scope="session")
def sandbox_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def deployed(sandbox_directory: Path) -> Iterator[Bundle]:
    with running_sandbox(sandbox_directory) as endpoints:
        yield Bundle(endpoints)


@pytest.fixture
def bundle(deployed: Bundle) -> Iterator[Bundle]:
    """The bundle with a healthy Stripe and an empty quarantine, before and after each test."""
    deployed.stripe.clear_faults()
    deployed.take_quarantined()
    yield deployed
    deployed.stripe.clear_faults()
    deployed.stripe.settle()
    # More than a minute: process waits for objects that Stripe does not show yet.
    assert eventually(deployed.queue_is_empty, 2 * PATIENCE + 40), "messages of this test are still in the queue"
    deployed.take_quarantined()


@dataclass(frozen=True)
class Shop:
    """Objects at Stripe that a subscription needs."""

    bundle: Bundle
    item: str
    card: str

    def subscription(self, **fields: object) -> str:
        """A new subscription, of a new customer."""
        make = self.bundle.stripe.create
        customer = make("customer", {"name": "Ann", "email": "ann@example.com"})["id"]
        cadence = make("v2.billing.cadence", {"payer": {"type": "customer", "customer": customer}})["id"]
        given = {"billing_cadence": cadence, "rate_card": self.card, **fields}
        return str(make("v2.billing.rate_card_subscription", given)["id"])

    def subscriptions(self, count: int) -> list[str]:
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda _: self.subscription(), range(count)))


@pytest.fixture
def shop(bundle: Bundle) -> Shop:
    make = bundle.stripe.create
    meter = make("billing.meter", {"display_name": "Tokens", "event_name": "tokens"})["id"]
    item = make("v2.billing.metered_item", {"display_name": "Tokens", "meter": meter})["id"]
    # A removed object younger than a minute counts as deleted only later.
    old = {"metered_item": item, "created": "2026-01-05T08:00:00.000Z"}
    rates = [{**old, "unit_amount": "1.5"}, {**old, "unit_amount": "2"}]
    card = make("v2.billing.rate_card", {"display_name": "Standard", "rates": rates})["id"]
    return Shop(bundle, str(item), str(card))


def subscription_event(subscription: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """A notification about a subscription, for the stand-in to sign and send."""
    return {
        "object": "v2.core.event",
        "id": f"evt_test_{time.time_ns()}",
        "type": "v2.billing.rate_card_subscription.servicing_activated",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "livemode": False,
        "related_object": {
            "id": subscription,
            "type": "v2.billing.rate_card_subscription",
            "url": f"/v2/billing/rate_card_subscriptions/{subscription}",
        },
        **fields,
    }


def dump(notification: dict[str, Any]) -> str:
    return json.dumps(notification)
