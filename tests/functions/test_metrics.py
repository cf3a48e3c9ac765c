"""What the functions emit, driven to every end that a message, a request and a pass can have."""

import json
import time
from collections import defaultdict
from typing import Any

import pytest
import stripe

from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import HOUR
from billing_mirror.reconcile.report import TickReport
from billing_mirror.refresh.follow_ups import MAX_HOPS
from dev.fake_stripe.client import StandIn
from tests.doubles.samples import subscription_event
from tests.emitted_metrics import EMITTED

from .conftest import SECRET, Cloud, Context, Load

SUBSCRIPTION = "v2.billing.rate_card_subscription"


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[str, list[float]]:
    """The values since the last time, by name; each blob has the two dimensions, and the age of a run its category."""
    values: dict[str, list[float]] = defaultdict(list)
    for line in capsys.readouterr().out.splitlines():
        blob: dict[str, Any] = json.loads(line)
        for directive in blob.get("_aws", {}).get("CloudWatchMetrics", []):
            names = {metric["Name"] for metric in directive["Metrics"]}
            own = {"category"} if names == {"RunAge"} else set()
            assert [set(dimensions) for dimensions in directive["Dimensions"]] == [{"service", "stack"} | own]
            assert directive["Namespace"] == "BillingMirror"
            for metric in directive["Metrics"]:
                values[metric["Name"]] += blob[metric["Name"]]
    return values


def test_ingest(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    handler = load("ingest").lambda_handler

    def post(body: str, *, secret: str = SECRET) -> None:
        header = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()))
        request = {"headers": {"stripe-signature": header}, "body": body, "isBase64Encoded": False}
        handler(request, Context())

    post(subscription_event())
    post("nonsense")
    post(subscription_event(), secret="whsec_other")
    post("x" * 7_000_000)
    # An unavailable queue is a double's part: see the flow's own tests.
    assert set(emitted(capsys)) == EMITTED["ingest"] - {"Unavailable"}


def test_process(load: Load, at_stripe: StandIn, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    handler = load("process").lambda_handler
    customer = at_stripe.create("customer", {})["id"]
    cadence = at_stripe.create("v2.billing.cadence", {"payer": {"customer": customer}})["id"]
    card = at_stripe.create("v2.billing.rate_card", {"display_name": "x"})["id"]
    made = at_stripe.create(SUBSCRIPTION, {"billing_cadence": cadence, "rate_card": card})["id"]

    def process(body: str, *, sent_at: float | None = None) -> None:
        attributes = {
            "SentTimestamp": str(int((time.time() if sent_at is None else sent_at) * 1000)),
            "ApproximateReceiveCount": "1",
        }
        record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}
        handler({"Records": [record]}, Context())

    body_of_event = subscription_event(identifier=made)
    process(body_of_event)
    process(subscription_event(identifier=made))
    process(body_of_event, sent_at=time.time() - 100)
    process(subscription_event(identifier="rcds_test_unknown"))
    process(json.dumps(json.loads(body_of_event) | {"type": "v2.core.event_destination.ping"}))
    process("nonsense")
    process(json.dumps(json.loads(body_of_event) | {"livemode": True}))
    for status in (429, 500, 401, 403):
        at_stripe.faults(api=[{"status": status}])
        process(subscription_event(identifier=made))
    at_stripe.clear_faults()
    at_stripe.faults(refused_fields={"fields": ["settings_data"]})
    process(write_message(RefreshRequest(livemode=False, type="v2.billing.cadence", id=cadence)))
    at_stripe.clear_faults()
    # The cadence names a profile that is not mirrored.
    process(write_message(RefreshRequest(livemode=False, type="v2.billing.cadence", id=cadence, hops=MAX_HOPS)))
    at_stripe.key("sk_test_other", "acct_other")
    cloud.secrets.put_secret_value(SecretId=cloud.environment["STRIPE_KEY_ARN"], SecretString="sk_test_other")
    handler = load("process").lambda_handler
    process(body_of_event)
    # Superseded needs two workers at once, unstorable an object over the table's limit, and held removals a long list;
    # their names come from the same line of code as the other outcomes'. See test_wiring.py for the unshared budget.
    unseen = {"Superseded", "Unstorable", "RemovalsHeld", "BudgetUnshared"}
    assert set(emitted(capsys)) == EMITTED["process"] - unseen


@pytest.mark.usefixtures("at_stripe")  # the key's account is checked before any message
@pytest.mark.parametrize(
    ("group", "modes", "expected"),
    [
        ("test:webhook", [False, True], [0, 1]),
        ("test:webhook", [True, True], [1, 1]),
        ("", [False, True], [0, 1]),
        ("test:recovered", [False], []),
    ],
)
def test_events_of_the_key_s_mode_show_that_the_key_is_not_wrong(
    load: Load,
    capsys: pytest.CaptureFixture[str],
    group: str,
    modes: list[bool],
    expected: list[float],
) -> None:
    handler = load("process").lambda_handler
    attributes = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"} | ({"MessageGroupId": group} if group else {})
    ping = json.loads(subscription_event()) | {"type": "v2.core.event_destination.ping"}
    records = [
        {
            "messageId": f"m{number}",
            "receiptHandle": "r",
            "body": json.dumps(ping | {"livemode": mode}),
            "attributes": attributes,
        }
        for number, mode in enumerate(modes)
    ]
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert sorted(emitted(capsys).get("OtherMode", [])) == expected


def test_reconcile(load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    handler = load("reconcile").lambda_handler
    at_stripe.create("v2.billing.rate_card", {"display_name": "x"})
    tick = Context(seconds=180)
    handler({}, tick)
    values = emitted(capsys)
    of_a_run_by_itself = {"StripeThrottled", "StripeErrors", "StripeAuthFailures", "StripePermissionFailures"}
    of_a_run_by_itself |= {"WrongAccount", "MissingFields", "BudgetUnshared"}
    assert set(values) <= EMITTED["reconcile"] - of_a_run_by_itself
    assert {"DriftUnresolved", "FailingTypes", "VerifyOverdue"} <= {name for name in values if values[name]}, (
        "zero, too"
    )
    counters = {name for name in values if name.startswith(("Drift", "Objects", "Messages"))} - {"DriftUnresolved"}
    assert all(sum(values[name]) for name in counters), "no counter is emitted to say zero"
    assert sum(values["ObjectsInserted"]) + sum(values["MessagesQueued"]) >= 1
    for status, failures in ((401, "StripeAuthFailures"), (403, "StripePermissionFailures")):
        at_stripe.faults(api=[{"status": status}])
        handler({"types": ["v2.billing.rate_card"]}, tick)
        values = emitted(capsys)
        assert values[failures]
        assert not of_a_run_by_itself & values.keys() - {failures}
        assert "ReconcileSeconds" not in values, "a run that did not finish must not calm the alarm for runs"
        assert "DriftUnresolved" not in values, "nor say that there is no drift"


@pytest.mark.parametrize("late", [True, False])
def test_ages_that_say_nothing_are_not_emitted_in_every_hour(
    load: Load, capsys: pytest.CaptureFixture[str], late: bool
) -> None:
    now = time.time()
    verified_at = now - (HOUR * 3 if late else 0.0)
    run = Run(
        "coupon", Job.VERIFY, verified_at, updated_at=verified_at, finished_at=verified_at, status=Status.COMPLETE
    )
    report = TickReport(last={run.type: run}, intervals={run.type: HOUR}, at=now)
    assert late <= report.shows_ages(now)
    handler = load("reconcile")
    handler._tell(report)
    handler.metrics.flush_metrics()
    values = emitted(capsys)
    assert bool(values.get("RunAge")) == bool(values.get("VerifyOverdue")) == report.shows_ages(now)
    assert values["FailingTypes"] == [0.0]


def test_a_dry_run_emits_nothing_of_what_it_found(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    at_stripe.create("v2.billing.rate_card", {"display_name": "x"}, without_event=True)
    load("reconcile").lambda_handler({"types": ["v2.billing.rate_card"], "dry_run": True}, Context(seconds=180))
    assert set(emitted(capsys)) == {"StripeRequests"}


@pytest.mark.parametrize("function", ["process", "reconcile"])
def test_a_refused_field_is_counted_and_named(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    handler = load(function).lambda_handler
    customer = at_stripe.create("customer", {})["id"]
    cadence = at_stripe.create("v2.billing.cadence", {"payer": {"customer": customer}})["id"]
    at_stripe.faults(refused_fields={"fields": ["settings_data"]})
    request = write_message(RefreshRequest(livemode=False, type="v2.billing.cadence", id=cadence))
    attributes = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"}
    record = {"messageId": "m", "receiptHandle": "r", "body": request, "attributes": attributes}
    requested = {"Records": [record]} if function == "process" else {"types": ["v2.billing.cadence"]}
    handler(requested, Context(seconds=180))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [named] = [line for line in lines if line.get("field")]
    assert (named["level"], named["type"], named["field"]) == ("ERROR", "v2.billing.cadence", "settings_data")
    assert named["answers"] >= 1
    assert [line["MissingFields"] for line in lines if "MissingFields" in line] == [[float(named["answers"])]]
