"""What the functions report: values in the unit of their metric, and errors as errors."""

import json
import time
from typing import Any

import pytest
import stripe

from billing_mirror.core.stripe_api.account import SENTENCE
from dev.fake_stripe.client import StandIn
from tests.doubles.samples import event, subscription_event

from .conftest import SECRET, Cloud, Context, Load
from .test_metrics import emitted


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "level" in line]


def record(body: str, *, sent_ago: float = 0.0, count: int = 1) -> dict[str, Any]:
    sent_at = str(int((time.time() - sent_ago) * 1000))
    attributes = {"SentTimestamp": sent_at, "ApproximateReceiveCount": str(count)}
    return {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}


def changed(at_stripe: StandIn, *, ago: float) -> str:
    """An event about a new customer of the stand-in."""
    body = at_stripe.create("customer", {})
    return event("v1.customer.updated", body, url=f"/v1/customers/{body['id']}", at=time.time() - ago)


def test_delays_of_a_message_are_in_milliseconds(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = load("process").lambda_handler
    handler({"Records": [record(changed(at_stripe, ago=200), sent_ago=100)]}, Context())
    values = emitted(capsys)
    [delay], [lag] = values["QueueDelay"], values["EventToStoredLag"]
    assert 100_000 <= delay < 160_000
    assert 200_000 <= lag < 260_000


def test_a_message_that_writes_nothing_has_no_lag(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    handler, text = load("process").lambda_handler, changed(at_stripe, ago=200)
    handler({"Records": [record(text)]}, Context())
    capsys.readouterr()
    handler({"Records": [record(text)]}, Context())
    values = emitted(capsys)
    assert (values["AlreadyFresh"], values.get("EventToStoredLag")) == ([1], None)


def test_how_often_a_message_was_received_is_logged(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load("process").lambda_handler({"Records": [record(subscription_event(), count=7)]}, Context(seconds=0))
    assert [line["receive_count"] for line in logged(capsys) if "receive_count" in line] == [7]


@pytest.mark.parametrize("name", ["process", "reconcile"])
def test_a_key_of_another_account_is_an_error(
    cloud: Cloud, load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    load("process").lambda_handler({"Records": [record(changed(at_stripe, ago=0))]}, Context())
    at_stripe.key("sk_test_other", "acct_other")
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("of-another-account", "sk_test_other")
    capsys.readouterr()
    message = {"Records": [record(subscription_event())]}
    load(name).lambda_handler(message if name == "process" else {"types": ["customer"]}, Context(seconds=180))
    lines = logged(capsys)
    assert SENTENCE in {line["message"] for line in lines if line["level"] == "ERROR"}


def test_the_time_that_runs_take_is_in_seconds(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    at_stripe.create("customer", {})
    started = time.time()
    load("reconcile").lambda_handler({"types": ["customer"]}, Context(seconds=180))
    [seconds] = emitted(capsys)["ReconcileSeconds"]
    assert 0 < seconds <= time.time() - started


def test_ingest_reports_a_queue_that_cannot_be_reached_as_an_error(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.environment["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:9"
    handler, body = load("ingest").lambda_handler, subscription_event()
    header = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    answer = handler({"headers": {"stripe-signature": header}, "body": body, "isBase64Encoded": False}, Context())
    assert answer["statusCode"] == 503
    assert [line["level"] for line in logged(capsys)] == ["ERROR"]


def test_with_a_key_of_another_account_nothing_is_quarantined(cloud: Cloud, load: Load, at_stripe: StandIn) -> None:
    load("process").lambda_handler({"Records": [record(changed(at_stripe, ago=0))]}, Context())
    at_stripe.key("sk_test_other", "acct_other")
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("of-another-account", "sk_test_other")
    answer = load("process").lambda_handler({"Records": [record("nonsense")]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert cloud.waiting(cloud.quarantine_url) == []
