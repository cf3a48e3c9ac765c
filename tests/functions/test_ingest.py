"""API Gateway's request as ingest reads it, and the answer as API Gateway needs it."""

import base64
import json
import time
from typing import Any

import pytest
import stripe

from billing_mirror.core.events.messages import read_message
from tests.doubles.samples import snapshot, subscription_event

from .conftest import SECRET, Cloud, Context, Load


def sign(body: str) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time())))


def request(
    body: str | None, header: str | None, *, name: str = "stripe-signature", base64_encoded: bool = False
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "POST /stripe/webhook",
        "rawPath": "/stripe/webhook",
        "headers": {"content-type": "application/json"} | ({name: header} if header is not None else {}),
        "requestContext": {"http": {"method": "POST"}},
        "body": body,
        "isBase64Encoded": base64_encoded,
    }


def answer(load: Load, event: dict[str, Any]) -> tuple[int, str]:
    result = load("ingest").lambda_handler(event, Context())
    assert result["headers"] == {"content-type": "application/json"}
    return result["statusCode"], json.loads(result["body"])["reason"]


@pytest.mark.parametrize("name", ["stripe-signature", "Stripe-Signature", "STRIPE-SIGNATURE"])
def test_a_signed_event_is_queued_whatever_the_case_of_the_header(cloud: Cloud, load: Load, name: str) -> None:
    body = subscription_event()
    assert answer(load, request(body, sign(body), name=name)) == (200, "accepted")
    assert [read_message(one) for one in cloud.waiting(cloud.queue_url)] == [read_message(body)]


def test_a_body_in_base64_is_judged_as_the_bytes_it_stands_for(cloud: Cloud, load: Load) -> None:
    body = subscription_event(note="größe")
    encoded = base64.b64encode(body.encode()).decode()
    assert answer(load, request(encoded, sign(body), base64_encoded=True)) == (200, "accepted")
    assert len(cloud.waiting(cloud.queue_url)) == 1


def test_a_request_from_an_address_that_is_not_named_is_refused(cloud: Cloud, load: Load) -> None:
    cloud.environment["WEBHOOK_SOURCES"] = "3.18.12.63"
    body = subscription_event()
    event = request(body, sign(body))
    assert answer(load, event)[0] == 403
    event["requestContext"]["http"]["sourceIp"] = "3.18.12.63"
    assert answer(load, event) == (200, "accepted")


@pytest.mark.parametrize("size", [300_000, 1_500_000, 4_000_000])
@pytest.mark.parametrize("encoded", [True, False])
def test_a_large_snapshot_is_queued_as_a_reference(cloud: Cloud, load: Load, size: int, *, encoded: bool) -> None:
    body = snapshot(
        "invoice.updated", {"id": "in_1", "object": "invoice", "customer": "cus_1", "note": "ü" + "y" * size}
    )
    text = base64.b64encode(body.encode()).decode() if encoded else body
    assert answer(load, request(text, sign(body), base64_encoded=encoded)) == (200, "accepted")
    [queued] = cloud.waiting(cloud.queue_url)
    assert read_message(queued) == read_message(body)
    assert len(queued) < 1_000


@pytest.mark.parametrize(
    ("body", "encoded", "status"),
    [
        ("no base64!", True, 400),
        (base64.b64encode(b"\xff\xfe").decode(), True, 400),
        ("x" * 7_000_000, False, 413),
        (base64.b64encode(b"x" * 7_000_000).decode(), True, 413),
        ("x" * 13_000_000, True, 413),
        (None, False, 400),
    ],
    ids=["not base64", "not UTF-8", "too large", "too large in base64", "far too large", "none"],
)
def test_a_bad_body_is_refused(cloud: Cloud, load: Load, body: str | None, encoded: bool, status: int) -> None:
    assert answer(load, request(body, sign("x"), base64_encoded=encoded))[0] == status
    assert cloud.waiting(cloud.queue_url) == cloud.waiting(cloud.quarantine_url) == []


def test_several_secrets_are_tried_and_stray_white_space_does_not_matter(cloud: Cloud, load: Load) -> None:
    stored = f"  whsec_other\n{SECRET}\n"
    cloud.environment["SIGNING_SECRET_ARN"] = cloud.secret("several", stored)
    body = subscription_event()
    assert answer(load, request(body, sign(body)))[0] == 200


def test_a_refusal_logs_neither_the_body_nor_the_secret(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(load, request(subscription_event(note="canary"), sign("another body")))[0] == 400
    said = "".join(capsys.readouterr())
    assert "no signature" in said
    assert "canary" not in said
    assert SECRET not in said


def test_log_and_metric_of_an_answer_are_one_line(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    body = subscription_event()
    answer(load, request(body, sign(body)))
    answer(load, request(body, sign("another body")))
    accepted, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    event = json.loads(body)
    shown = {"message": "accepted", "status": 200, "outcome": "Accepted", "Accepted": [1.0]}
    assert accepted.items() >= {**shown, "event_id": event["id"], "event_type": event["type"]}.items()
    assert (refused["outcome"], refused["SignatureFailures"]) == ("SignatureFailures", [1.0])
    assert refused["event_id"] is None, "nothing of what is not verified"
    assert "level" not in accepted, "Lambda would leave the metric out where LogLevel is WARN"


def test_each_answer_is_counted_under_the_name_of_the_stack(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    body = subscription_event()
    answer(load, request(body, sign(body)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [record] = [line for line in lines if "_aws" in line]
    assert (record["Accepted"], record["stack"]) == ([1.0], "a-stack")
    assert record["service"] == cloud.environment["POWERTOOLS_SERVICE_NAME"]
