"""The functions and connected accounts: what they note, compare, log and measure."""

import json
from typing import Any

import boto3
import pytest

from billing_mirror.core.errors import ConfigurationError
from billing_mirror.wiring.refresh import NEEDS_CONTEXTS
from dev.fake_stripe.client import StandIn

from .conftest import Cloud, Context, Load

TICK = Context(seconds=300)
ORGANIZATION_KEY = "sk_org_test_standin"


def keys_of(type_name: str) -> set[str]:
    """The partition keys of a type's objects."""
    items = boto3.resource("dynamodb").Table("a-table").scan()["Items"]
    return {str(item["pk"]) for item in items if item.get("type") == type_name and "created" in item}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def measured(logged: list[dict[str, Any]], context: str) -> set[str]:
    """The names of the metrics that an account has of its own."""
    own = [one["_aws"] for one in logged if "_aws" in one and one.get("context") == context]
    directives = [directive for emitted in own for directive in emitted["CloudWatchMetrics"]]
    return {str(metric["Name"]) for directive in directives for metric in directive["Metrics"]}


@pytest.fixture
def at_organization(cloud: Cloud, at_stripe: StandIn) -> StandIn:
    """A Stripe with the account acct_1; the functions have the key of its organization."""
    at_stripe.key(ORGANIZATION_KEY)
    at_stripe.accounts(["acct_1"])
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("organization", ORGANIZATION_KEY)
    return at_stripe


def test_an_account_whose_events_process_has_seen_is_backfilled(
    cloud: Cloud, load: Load, at_organization: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.environment["CONTEXTS"] = "seen"
    older, newer = (
        at_organization.create("product", {"name": name}, context="acct_1", without_event=True)["id"]
        for name in ("Older", "Newer")
    )
    event = {
        "object": "v2.core.event",
        "id": "evt_1",
        "type": "v1.product.created",
        "created": "2026-11-01T00:00:00.000Z",
        "livemode": False,
        "context": "acct_1",
        "related_object": {"id": newer, "type": "product", "url": f"/v1/products/{newer}"},
    }
    attributes = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"}
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps(event), "attributes": attributes}
    load("process").lambda_handler({"Records": [record]}, Context())
    assert keys_of("product") == {f"test/acct_1#product/{newer}"}
    load("reconcile").lambda_handler({}, TICK)
    assert keys_of("product") == {f"test/acct_1#product/{one}" for one in (older, newer)}
    assert measured(lines(capsys), "acct_1") == set(), "any number may be seen, and each metric would cost"
    pin = boto3.resource("dynamodb").Table("a-table").get_item(Key={"pk": "test#account", "sk": "pin"})["Item"]
    assert pin["account"] == "organization"
    assert "GET /v1/account" not in at_organization.requests()["by_endpoint"]


@pytest.mark.usefixtures("at_organization")
def test_a_listed_account_has_metrics_of_its_own_and_a_revoked_one_is_reported_once(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.environment["CONTEXTS"] = "acct_1,acct_revoked"
    handler = load("reconcile").lambda_handler
    handler({}, TICK)
    logged = lines(capsys)
    assert measured(logged, "acct_1") == {"DriftUnresolved", "FailingTypes", "VerifyOverdue", "EventsUnreadSince"}
    warnings = [one for one in logged if one.get("level") == "WARNING"]
    assert [(one["context"], "revoked" in one["message"]) for one in warnings] == [("acct_revoked", True)]
    runs = [one for one in logged if one.get("type") == "recover"]
    assert [(one["context"], one["status"]) for one in runs] == [("acct_1", "complete"), ("acct_revoked", "revoked")]
    handler({}, TICK)
    assert [one for one in lines(capsys) if one.get("level") in ("WARNING", "ERROR")] == []


@pytest.mark.usefixtures("at_organization")
def test_the_key_of_an_organization_needs_contexts(load: Load) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load("reconcile")
    assert str(raised.value) == NEEDS_CONTEXTS
