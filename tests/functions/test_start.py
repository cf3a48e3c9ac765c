"""A function whose settings are wrong does not start, and says which setting it is."""

import json

import pytest

from billing_mirror.core.errors import ConfigurationError
from tests.doubles.samples import subscription_event

from .conftest import Cloud, Context, Load


@pytest.mark.parametrize("name", ["ingest", "process", "reconcile"])
def test_a_function_starts_with_what_the_template_gives_it(load: Load, name: str) -> None:
    assert callable(load(name).lambda_handler)


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("ingest", "QUEUE_URL", ""),
        ("process", "STRIPE_API_BASE", "stripe.com"),
        ("process", "STRIPE_PREVIEW_VERSION", "latest"),
        ("process", "CLOCK_SKEW_MARGIN_SECONDS", "-1"),
        ("reconcile", "STRIPE_REQUESTS_PER_SECOND", "many"),
        ("reconcile", "USAGE_SWEEP", "perhaps"),
        ("reconcile", "RECOVER_MINUTES", "0"),
        ("reconcile", "CONFIGURATION_HOURS", "weekly"),
        ("reconcile", "CATALOG_HOURS", "weekly"),
        ("reconcile", "DEEP_VERIFY_PERCENT", "101"),
    ],
)
def test_a_wrong_variable_is_named(cloud: Cloud, load: Load, name: str, variable: str, value: str) -> None:
    cloud.environment[variable] = value
    with pytest.raises(ConfigurationError, match=variable):
        load(name)


@pytest.mark.parametrize("text", ["unset", "whsec_", "sk_test_1"])
def test_ingest_does_not_start_without_a_signing_secret(cloud: Cloud, load: Load, text: str) -> None:
    cloud.environment["SIGNING_SECRET_ARN"] = cloud.secret("wrong", text)
    with pytest.raises(ConfigurationError, match="SIGNING_SECRET_ARN"):
        load("ingest")


@pytest.mark.parametrize("name", ["process", "reconcile"])
@pytest.mark.parametrize("text", ["unset", "whsec_1", "sk_staging_1"])
def test_a_key_of_no_known_mode_stops_the_function(cloud: Cloud, load: Load, name: str, text: str) -> None:
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("wrong", text)
    with pytest.raises(ConfigurationError, match="STRIPE_KEY_ARN") as raised:
        load(name)
    assert text not in str(raised.value)


def record(body: str) -> dict[str, object]:
    return {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": body,
        "attributes": {"SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


def test_process_keeps_what_it_cannot_read_and_reports_no_failure(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = load("process").lambda_handler({"Records": [record("nonsense")]}, Context())
    assert answer == {"batchItemFailures": []}
    assert cloud.waiting(cloud.quarantine_url) == ["nonsense"]
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["Quarantined"] == [1.0]


def test_process_reports_what_must_stay_in_the_queue(load: Load) -> None:
    answer = load("process").lambda_handler({"Records": [record(subscription_event())]}, Context(seconds=0))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
