"""``doctor`` finds what is not set up, and says how to mend it."""

from collections.abc import Iterator, Sequence

import pytest

from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.health.findings import Level
from billing_mirror_cli.stripe.checks import judge_destination
from billing_mirror_cli.stripe.event_types import event_types
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from tests.cli.conftest import Cloud, Command, values
from tests.cli.test_status import fill

KEY = "rk_test_standin1"
WEBHOOK = "https://api.example.com/stripe/webhook"


@pytest.fixture
def stripe(cloud: Cloud) -> Iterator[StandIn]:
    """Stripe, which sends everything to a stack that is set up and was compared a minute ago."""
    with running(Backend([KEY])) as listening:
        fill(cloud)
        cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=KEY)
        secret = cloud.secrets.create_secret(Name=f"{cloud.table}-signing", SecretString="whsec_1")["ARN"]
        cloud.function.mappings = ["Enabled"]
        cloud.deploy(stripe=listening.api_base, SigningSecretArn=secret)
        stand_in = StandIn(listening.api_base)
        stand_in.destination(WEBHOOK, ["whsec_1"], events=event_types())
        yield stand_in


def levels(command: Command) -> dict[object, object]:
    """The results of the checks that are not well."""
    found = {one["check"]: one["result"] for one in values(command("doctor", "--json"))}
    return {name: result for name, result in found.items() if result != Level.OK}


@pytest.mark.usefixtures("stripe")
def test_a_stack_that_is_set_up(command: Command) -> None:
    result = command("doctor")
    assert result.exit_code == ExitCode.OK, result.output
    assert result.stdout.splitlines()[-1] == "All is well."
    assert len([line for line in result.stdout.splitlines() if line.startswith("ok")]) == 8


@pytest.mark.parametrize("secret", ["unset", "sk_test_standin1"])
def test_a_key_that_is_none_or_may_write(cloud: Cloud, stripe: StandIn, command: Command, secret: str) -> None:
    stripe.key("sk_test_standin1")
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=secret)
    assert levels(command)["Stripe key"] == Level.FAIL
    assert "standin1" not in command("doctor").output


def test_a_revoked_key(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="rk_test_revoked1")
    assert levels(command) == {"key permissions": Level.FAIL, "event destination": Level.UNKNOWN}


def test_types_that_the_key_may_not_read(stripe: StandIn, command: Command) -> None:
    stripe.faults(api=[{"status": 403, "path_prefix": "/v1/coupons"}])
    assert levels(command) == {"key permissions": Level.FAIL}
    assert "the key may not read coupon\n" in command("doctor").stdout


def test_a_list_that_the_account_lacks_is_no_problem(stripe: StandIn, command: Command) -> None:
    stripe.faults(api=[{"status": 404, "path_prefix": "/v2/billing/contracts"}])
    assert levels(command) == {}


def test_events_that_go_elsewhere(stripe: StandIn, command: Command) -> None:
    stripe.destination("https://other.example.com", ["whsec_1"])
    assert levels(command) == {"event destination": Level.FAIL}
    assert f"none sends to {WEBHOOK}" in command("doctor").stdout


def test_destinations_that_the_key_may_not_read_are_not_checked(stripe: StandIn, command: Command) -> None:
    stripe.faults(api=[{"status": 403, "path_prefix": "/v2/core/event_destinations"}])
    assert levels(command) == {"event destination": Level.UNKNOWN}


@pytest.mark.parametrize(
    ("status", "events", "level", "said"),
    [
        ("enabled", event_types(), Level.OK, "is enabled"),
        ("enabled", ["*"], Level.OK, "is enabled"),
        ("disabled", ["*"], Level.FAIL, "is disabled"),
        ("enabled", event_types()[1:], Level.FAIL, event_types()[0]),
        ("enabled", [], Level.FAIL, f"and {len(event_types()) - 5} more"),
    ],
)
def test_a_destination_must_be_enabled_and_complete(
    status: str, events: Sequence[str], level: Level, said: str
) -> None:
    shown = judge_destination({"id": "ed_1", "status": status, "enabled_events": [*events], "event_payload": "thin"})
    assert (shown.level, said in shown.sentence) == (level, True)


def test_a_missing_signing_secret(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    secret = cloud.secrets.create_secret(Name=f"{cloud.table}-unset", SecretString="unset")["ARN"]
    cloud.deploy(stripe=stripe.api_base, SigningSecretArn=secret)
    assert levels(command) == {"signing secret": Level.FAIL}


@pytest.mark.parametrize("mappings", [[], ["Disabled"]])
def test_a_queue_that_lambda_does_not_read(
    cloud: Cloud, stripe: StandIn, command: Command, mappings: list[str]
) -> None:
    assert stripe.api_base
    cloud.function.mappings = mappings
    assert levels(command) == {"queue": Level.FAIL}


def test_another_version(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    secret = cloud.secrets.create_secret(Name=f"{cloud.table}-other", SecretString="whsec_1")["ARN"]
    cloud.deploy(stripe=stripe.api_base, SigningSecretArn=secret, Version=None)
    assert levels(command) == {"stack": Level.FAIL}


def test_what_status_reports_is_a_problem_here_too(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody="{}")
    assert levels(command) == {"status": Level.FAIL}
