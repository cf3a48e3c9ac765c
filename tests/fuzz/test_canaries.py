"""Ingest and process never log a secret or personal data, whatever fails."""

import base64
import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import stripe

from billing_mirror.core.errors import TransientError
from billing_mirror.ingest.accept import MAX_BODY
from dev.fake_stripe.client import StandIn
from tests.doubles.samples import snapshot, subscription_event
from tests.functions.conftest import Cloud, Load

from .canaries import ANSWERS, FAULTS, PERSON, CapturedOutput, leaky_stripe
from .harness import CANARY, Event, request

SECRET = f"whsec_{CANARY}"
SUBSCRIPTION = "v2.billing.rate_card_subscription"
THIN = subscription_event(note=CANARY, data=PERSON)
SNAPSHOT = snapshot("customer.updated", {"id": "cus_1", "object": "customer", **PERSON})


@pytest.fixture
def ingest(output: CapturedOutput, cloud: Cloud, load: Load) -> ModuleType:
    cloud.environment["SIGNING_SECRET_ARN"] = cloud.secret("canaries", f"{SECRET} whsec_{CANARY}_previous")
    return output.load(load, "ingest")


def sign(body: str, secret: str = SECRET, at: float = 0) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time() + at)))


def in_base64(raw: bytes) -> Event:
    return request(base64.b64encode(raw).decode(), sign(THIN), isBase64Encoded=True)


def without_object(text: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "object"})


REFUSALS: dict[str, Callable[[], tuple[Event, str]]] = {
    "no header": lambda: (request(THIN), "header is missing"),
    "a header that is none": lambda: (request(THIN, f"{CANARY}é"), "malformed"),
    "a header without time": lambda: (request(THIN, f"v1={CANARY}"), "does not have one time"),
    "stale": lambda: (request(THIN, sign(THIN, at=-999)), "too far from now"),
    "another secret": lambda: (request(THIN, sign(THIN, f"whsec_other_{CANARY}")), "no signature"),
    "no base64": lambda: (request(THIN, sign(THIN), isBase64Encoded=True), "not base64"),
    "not UTF-8": lambda: (in_base64(THIN.encode() + b"\xff"), "not UTF-8"),
    "too large": lambda: (request(THIN * (MAX_BODY // len(THIN) + 1), sign(THIN)), "larger than"),
    "no JSON": lambda: (request(THIN[:-1], sign(THIN[:-1])), "Invalid JSON"),
    "no event": lambda: (request(without_object(THIN), sign(without_object(THIN))), "none that is known"),
    "another kind": lambda: signed_event(object=CANARY, word="none that is known"),
    "an id that is none": lambda: signed_event(id=f"{CANARY}@x", word="pattern"),
    "a type that is none": lambda: signed_event(type=f"{CANARY}@x", word="pattern"),
    "a time that is none": lambda: signed_event(created=CANARY, word="valid datetime"),
    "a mode that is none": lambda: signed_event(livemode=CANARY, word="valid boolean"),
    "a context that is none": lambda: signed_event(context=CANARY, word="path of account ids"),
    "an object that is none": lambda: signed_event(related_object=[CANARY], word="related_object"),
    "a snapshot of nothing": lambda: signed_event(object="event", data=PERSON, word="not an event"),
}


def signed_event(word: str, **fields: Any) -> tuple[Event, str]:  # noqa: ANN401 - any JSON
    body = json.dumps(json.loads(THIN) | fields)
    return request(body, sign(body)), word


def test_a_refusal_logs_no_secrets(ingest: ModuleType, output: CapturedOutput) -> None:
    for refusal in REFUSALS.values():
        event, word = refusal()
        answer = output.call(ingest, event)
        assert CANARY not in answer["body"]
        output.require_no_canary(word)


@pytest.mark.parametrize("body", [THIN, SNAPSHOT], ids=["thin", "snapshot"])
def test_an_event_that_is_accepted_leaves_nothing_of_it_in_the_log(
    ingest: ModuleType, output: CapturedOutput, cloud: Cloud, body: str
) -> None:
    assert output.call(ingest, request(body, sign(body)))["statusCode"] == 200
    output.require_no_canary("accepted")
    [queued] = cloud.waiting(cloud.queue_url)
    assert CANARY not in queued


@pytest.mark.parametrize("body", [THIN, THIN[:-1]], ids=["to the queue", "to quarantine"])
def test_an_outage_logs_no_secrets(
    ingest: ModuleType, output: CapturedOutput, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    async def down(*_: object, **__: object) -> None:
        raise TransientError("the queue is down")

    monkeypatch.setattr(type(ingest.dependencies.queue), "send", down)
    monkeypatch.setattr(type(ingest.dependencies.queue), "quarantine", down)
    assert output.call(ingest, request(body, sign(body)))["statusCode"] == 503
    output.require_no_canary("the queue is down")


class Process:
    """The process handler, on made-up messages."""

    def __init__(self, output: CapturedOutput, load: Load) -> None:
        self.module = output.load(load, "process")
        self._lines = output

    def __call__(self, body: str, *, receives: int = 1) -> bool:
        """Whether the message is done."""
        attributes = {
            "SentTimestamp": str(int(time.time() * 1000)),
            "ApproximateReceiveCount": str(receives),
        }
        record = {"messageId": "m", "receiptHandle": CANARY, "body": body, "attributes": attributes}
        return not self._lines.call(self.module, {"Records": [record]})["batchItemFailures"]


@pytest.fixture
def process(output: CapturedOutput, cloud: Cloud, at_stripe: StandIn, load: Load) -> Process:
    assert at_stripe.api_base == cloud.environment["STRIPE_API_BASE"]
    return Process(output, load)


def about_customer(identifier: str, word: str = "updated") -> str:
    return snapshot(f"customer.{word}", {"id": identifier, "object": "customer", **PERSON}, id=f"evt_{word}")


UNREADABLE = {
    "no JSON": (THIN[:-1], "Invalid JSON"),
    "no event": (without_object(THIN), "not an event"),
    "another kind": (json.dumps(json.loads(THIN) | {"object": CANARY}), "none that is known"),
    "an id that is none": (subscription_event(id=f"{CANARY}@"), "pattern"),
    "a context that is none": (subscription_event(context=CANARY), "path of account ids"),
    "an object of another type": (
        subscription_event(related_object={"id": "cus_1", "type": "customer", "url": f"/v1/{CANARY}"}), "another type",
    ),
    "a URL that is none": (
        subscription_event(related_object={"id": "rcds_1", "type": SUBSCRIPTION, "url": f"/v1/{CANARY}/../x"}), "URL",
    ),
    "an id with spaces": (
        snapshot("invoice.paid", {"object": "invoice", "id": f"{CANARY} x", **PERSON}), "no Stripe id has",
    ),
    "the other mode": (subscription_event(livemode=True, note=CANARY), "mode"),
    "an envelope around nothing": (
        json.dumps({"source": "aws.partner/stripe.com/x", "detail": PERSON}), "none that is known",
    ),
    "an envelope of another source": (json.dumps({"source": CANARY, "detail": json.loads(THIN)}), "not an event"),
}  # fmt: skip


def test_a_message_that_cannot_be_processed_is_not_logged(process: Process, output: CapturedOutput) -> None:
    for body, word in UNREADABLE.values():
        assert process(body)
        output.require_no_canary(word)


def test_a_failure_of_stripes_leaves_no_customer_in_the_log(
    process: Process, output: CapturedOutput, at_stripe: StandIn
) -> None:
    made = at_stripe.create("customer", PERSON)["id"]
    for fault in FAULTS:
        at_stripe.faults(api=[fault])
        process(about_customer(made))
        output.require_no_canary('"outcome":')


@pytest.mark.usefixtures("at_stripe")
def test_what_stripe_says_in_an_error_is_not_passed_on(output: CapturedOutput, cloud: Cloud, load: Load) -> None:
    with leaky_stripe() as server:
        cloud.environment["STRIPE_API_BASE"] = server.address
        process = Process(output, load)
        for server.status, server.text in ANSWERS:
            process(about_customer("cus_1"))
            output.require_no_canary('"outcome":')


def test_a_customer_that_is_stored_and_deleted_is_not_logged(
    process: Process, output: CapturedOutput, at_stripe: StandIn
) -> None:
    made = at_stripe.create("customer", PERSON)["id"]
    assert process(about_customer(made))
    at_stripe.remove(made)
    assert process(about_customer(made, "deleted"))
    output.require_no_canary("removed")


@pytest.mark.parametrize("receives", [1, 8])
@pytest.mark.parametrize("port", ["stripe", "mirror"])
def test_an_unforeseen_error_is_logged_without_its_text(
    process: Process,
    output: CapturedOutput,
    monkeypatch: pytest.MonkeyPatch,
    at_stripe: StandIn,
    port: str,
    receives: int,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{CANARY} {PERSON}")

    made = at_stripe.create("customer", PERSON)["id"]
    adapter = getattr(process.module.dependencies.ports, port)
    monkeypatch.setattr(type(adapter), {"stripe": "get", "mirror": "claim"}[port], fails)
    assert process(about_customer(made), receives=receives) is (receives == 8)
    output.require_no_canary("unforeseen RuntimeError")


def test_a_missing_table_leaves_no_customer_in_the_log(
    process: Process, output: CapturedOutput, monkeypatch: pytest.MonkeyPatch, at_stripe: StandIn
) -> None:
    made = at_stripe.create("customer", PERSON)["id"]
    monkeypatch.setattr(process.module.dependencies.ports.mirror, "_table", f"no-{CANARY}", raising=False)
    process(about_customer(made))
    output.require_no_canary('"outcome":')


def test_a_key_that_is_not_one_is_never_quoted(cloud: Cloud, at_stripe: StandIn, load: Load) -> None:
    assert at_stripe.api_base
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("no-key", f"{CANARY} no key")
    with pytest.raises(Exception, match="does not hold a Stripe API key") as failed:
        load("process")
    assert CANARY not in str(failed.value)


def test_a_key_that_stripe_does_not_know_is_never_quoted(
    output: CapturedOutput, cloud: Cloud, at_stripe: StandIn, load: Load
) -> None:
    assert at_stripe.api_base
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("unknown-key", f"rk_test_{CANARY}")
    Process(output, load)(about_customer("cus_1"))
    output.require_no_canary("401")


def test_a_signing_secret_that_is_none_is_never_quoted(cloud: Cloud, load: Load) -> None:
    cloud.environment["SIGNING_SECRET_ARN"] = cloud.secret("no-secret", CANARY)
    with pytest.raises(Exception, match="holds no signing secret") as failed:
        load("ingest")
    assert CANARY not in str(failed.value)
