"""``setup`` has Stripe send its events to the stack, and changes nothing where it does already."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stripe as sdk

from billing_mirror.core.json_body import JsonObject
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.stripe.destination_plan import released_events
from billing_mirror_cli.stripe.event_types import event_types
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from tests.cli.aws_doubles import Quiet, secrets_that_may_be_read_only, serving
from tests.cli.conftest import Cloud, Command, values
from tests.cli.webhook import Webhook, listening

KEY = "rk_test_setup1"
READ_KEY = "rk_test_standin1"
LIVE_KEY = "rk_live_setup1"
URL = "webhook_endpoint.url"


@dataclass(frozen=True)
class Account:
    """A Stripe account without a destination, and a new stack."""

    cloud: Cloud
    stand_in: StandIn
    webhook: Webhook

    @property
    def destinations(self) -> list[sdk.v2.core.EventDestination]:
        client = sdk.StripeClient(KEY, base_addresses={"api": self.stand_in.api_base})
        return client.v2.core.event_destinations.list({"include": [URL]}).data

    @property
    def secrets(self) -> list[str]:
        return self.cloud.secrets.get_secret_value(SecretId=self.webhook.secret_arn)["SecretString"].split()


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Account]:
    with running(Backend([KEY, LIVE_KEY])) as stripe, listening(cloud) as webhook:
        stand_in = StandIn(stripe.api_base)
        stand_in.key(READ_KEY, read_only=True)
        cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=READ_KEY)
        cloud.deploy(stripe=stand_in.api_base, SigningSecretArn=webhook.secret_arn, WebhookUrl=webhook.url)
        yield Account(cloud, stand_in, webhook)


def shown(command: Command, *options: str) -> JsonObject:
    result = command("setup", "--json", *options, STRIPE_SETUP_KEY=KEY)
    assert result.exit_code == ExitCode.OK, result.output
    (value,) = values(result)
    return value


def test_a_new_stack_gets_a_destination_and_its_secret(account: Account, command: Command) -> None:
    result = command("setup", STRIPE_SETUP_KEY=KEY)
    assert result.exit_code == ExitCode.OK, result.output
    (made,) = account.destinations
    assert (made.type, made.event_payload, made.status) == ("webhook_endpoint", "thin", "enabled")
    assert made.enabled_events == event_types()
    assert made.webhook_endpoint is not None
    assert made.webhook_endpoint.url == account.webhook.url
    assert [answer.status for answer in account.webhook.answers] == [200]
    assert "ping                arrived after" in result.stdout
    (secret,) = account.secrets
    assert secret not in result.output
    assert KEY not in result.output


@pytest.mark.parametrize(
    ("contexts", "sources"), [("none", ["@self"]), ("seen", ["@self", "@accounts"]), ("acct_1", ["@self", "@accounts"])]
)
def test_connected_accounts_send_their_events_here_where_they_are_compared(
    account: Account, command: Command, contexts: str, sources: list[str]
) -> None:
    account.cloud.deploy(
        stripe=account.stand_in.api_base,
        parameters={"Contexts": contexts},
        SigningSecretArn=account.webhook.secret_arn,
        WebhookUrl=account.webhook.url,
    )
    shown(command)
    (made,) = account.destinations
    assert made.events_from == sources


def test_a_destination_of_the_own_account_only_is_replaced_where_connected_accounts_are_compared(
    account: Account, command: Command
) -> None:
    """Stripe changes by no call whose events a destination sends."""
    shown(command)
    (before,) = account.destinations
    account.cloud.deploy(
        stripe=account.stand_in.api_base,
        parameters={"Contexts": "seen"},
        SigningSecretArn=account.webhook.secret_arn,
        WebhookUrl=account.webhook.url,
    )
    for options in ([], ["--dry-run"]):
        result = command("setup", *options, STRIPE_SETUP_KEY=KEY)
        assert result.exit_code == ExitCode.FAILED
        assert f"{before.id} does not send the events of connected accounts" in result.stderr
        assert f"billing-mirror setup --stack {account.cloud.name} --new-secret" in result.stderr
    assert account.destinations == [before]
    assert shown(command, "--new-secret")["action"] == "create"
    (made,) = account.destinations
    assert made.events_from == ["@self", "@accounts"]
    assert shown(command)["action"] == "none"


def test_a_second_call_changes_nothing_and_says_so(account: Account, command: Command) -> None:
    shown(command)
    before = account.destinations, account.secrets
    result = command("setup", STRIPE_SETUP_KEY=KEY)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        ExitCode.OK,
        "All was set up; nothing was changed.",
    )
    assert (account.destinations, account.secrets) == before
    made = [name for name in account.stand_in.requests()["by_endpoint"] if name.startswith("POST")]
    assert made == ["POST /v2/core/event_destinations", "POST /v2/core/event_destinations/{id}/ping"]


def test_a_dry_run_shows_the_plan_and_changes_nothing(account: Account, command: Command) -> None:
    planned = shown(command, "--dry-run")
    assert (planned["action"], planned["added"], planned["ping_seconds"]) == ("create", event_types(), None)
    assert (account.destinations, account.secrets) == ([], ["unset"])
    assert command("setup", "--dry-run", STRIPE_SETUP_KEY=KEY).stdout.splitlines()[-1] == "Nothing was changed."


def test_other_event_types_become_those_of_the_catalog(account: Account, command: Command) -> None:
    shown(command)
    client = sdk.StripeClient(KEY, base_addresses={"api": account.stand_in.api_base})
    identifier = account.destinations[0].id
    client.v2.core.event_destinations.update(
        identifier, {"enabled_events": [*event_types()[1:], "v1.charge.succeeded"]}
    )
    client.v2.core.event_destinations.disable(identifier)
    would = command("setup", "--dry-run", STRIPE_SETUP_KEY=KEY)
    assert f"+ {event_types()[0]}\n" in would.stdout
    assert "- v1.charge.succeeded\n" in would.stdout
    assert account.destinations[0].status == "disabled"
    changed = shown(command)
    assert (changed["action"], changed["added"], changed["removed"]) == (
        "update",
        event_types()[:1],
        ["v1.charge.succeeded"],
    )
    (now,) = account.destinations
    assert (now.id, now.status, sorted(now.enabled_events)) == (identifier, "enabled", event_types())


def test_secrets_that_are_stored_stay_beside_the_new_one(account: Account, command: Command) -> None:
    account.cloud.secrets.put_secret_value(SecretId=account.webhook.secret_arn, SecretString="whsec_old, whsec_older")
    account.stand_in.destination("https://other.example.com", ["whsec_old"])
    shown(command)
    assert account.secrets[1:] == ["whsec_old", "whsec_older"]
    assert len(account.destinations) == 2


def test_a_destination_whose_secret_is_unknown_is_replaced_on_request(account: Account, command: Command) -> None:
    account.stand_in.destination(account.webhook.url, ["whsec_lost"], events=event_types())
    refused = command("setup", STRIPE_SETUP_KEY=KEY)
    assert refused.exit_code == ExitCode.FAILED
    assert "holds no signing secret" in refused.stderr
    account.cloud.secrets.put_secret_value(SecretId=account.webhook.secret_arn, SecretString="whsec_wrong")
    wrong = command("setup", "--timeout", "1", STRIPE_SETUP_KEY=KEY)
    assert wrong.exit_code == ExitCode.FAILED
    assert "no stored signing secret fits" in wrong.stderr
    assert "--new-secret" in wrong.stderr
    before = account.destinations[0].id
    assert shown(command, "--new-secret")["signing_secret"] == "stored"
    (now,) = account.destinations
    assert now.id != before
    assert account.secrets[1:] == ["whsec_wrong"]


def test_the_old_destination_stays_until_the_new_one_is_seen(account: Account, command: Command) -> None:
    shown(command)
    before = account.destinations[0].id
    account.cloud.function.log_group = account.cloud.empty_log_group()
    result = command("setup", "--new-secret", "--timeout", "1", STRIPE_SETUP_KEY=KEY)
    assert result.exit_code == ExitCode.FAILED
    assert "no request with it has arrived" in result.stderr
    assert before in [one.id for one in account.destinations]
    assert len(account.secrets) == 2


def test_without_the_preview_its_event_types_are_left_out(account: Account, command: Command) -> None:
    account.stand_in.faults(refused_event_types="v2.billing.")
    made = shown(command)
    assert account.destinations[0].enabled_events == released_events()
    assert set(event_types()) - set(released_events()) == set(made["left_out"])  # type: ignore[arg-type]
    assert shown(command)["action"] == "none"


def test_a_secret_that_cannot_be_stored_leaves_no_destination(account: Account, command: Command) -> None:
    with secrets_that_may_be_read_only() as address:
        result = command("setup", STRIPE_SETUP_KEY=KEY, AWS_ENDPOINT_URL_SECRETS_MANAGER=address)
    assert result.exit_code == ExitCode.FAILED
    assert "AWS does not allow PutSecretValue" in result.stderr
    assert "secretsmanager:PutSecretValue" in result.stderr
    assert "POST /v2/core/event_destinations" in account.stand_in.requests()["by_endpoint"]
    assert account.destinations == []


@pytest.mark.parametrize("pinned", [True, False])
def test_a_live_key_is_refused_for_a_test_stack(account: Account, command: Command, *, pinned: bool) -> None:
    if pinned:
        account.cloud.pin("test")
    result = command("setup", STRIPE_SETUP_KEY=LIVE_KEY)
    assert result.exit_code == ExitCode.USAGE
    assert "The key is a live key" in result.stderr.splitlines()[0]
    assert "mirrors test mode" in result.stderr.splitlines()[0]
    assert account.stand_in.requests()["total"] == 0


def test_a_key_of_another_account_is_refused(account: Account, command: Command) -> None:
    account.cloud.pin("test")
    result = command("setup", STRIPE_SETUP_KEY=KEY)
    assert result.exit_code == ExitCode.FAILED
    assert "belongs to the account acct_standin, and the stack mirrors acct_1" in result.stderr
    assert account.destinations == []


def test_the_key_may_come_from_standard_input(account: Account, command: Command) -> None:
    assert command("setup", typed=f"{KEY}\n").exit_code == ExitCode.OK
    assert len(account.destinations) == 1


@pytest.mark.parametrize(("typed", "said"), [("\n", "There is no Stripe key"), ("hunter2\n", "That is no Stripe key")])
def test_without_a_key_nothing_is_sent(account: Account, command: Command, typed: str, said: str) -> None:
    result = command("setup", typed=typed)
    assert (result.exit_code, said in result.stderr) == (ExitCode.USAGE, True)
    assert "hunter2" not in result.output
    assert account.stand_in.requests()["total"] == 0


@pytest.mark.parametrize(
    ("key", "said"), [(READ_KEY, "lacks the permission"), ("rk_test_revoked", "does not know this key")]
)
def test_a_key_that_may_not_is_a_sentence(account: Account, command: Command, key: str, said: str) -> None:
    result = command("setup", STRIPE_SETUP_KEY=key)
    assert (result.exit_code, said in result.stderr) == (ExitCode.FAILED, True)
    assert key not in result.output
    assert account.secrets == ["unset"]


def test_event_bridge_needs_no_secret_and_says_what_is_left(account: Account, command: Command) -> None:
    made = shown(command, "--type", "amazon_eventbridge")
    (one,) = account.destinations
    assert one.amazon_eventbridge is not None
    bus = one.amazon_eventbridge.aws_event_source_arn.partition("event-source/")[2]
    stack = account.cloud.name
    assert made["next"] == [
        f"aws events create-event-bus --name {bus} --event-source-name {bus}",
        f'make deploy STACK={stack}, with PartnerEventBus = "{bus}" in stacks/{stack}.toml',
        f"billing-mirror setup --stack {stack} --type amazon_eventbridge",
    ]
    assert account.secrets == ["unset"]
    again = shown(command, "--type", "amazon_eventbridge")
    assert (again["action"], again["destination"], len(account.destinations)) == ("none", one.id, 1)


def test_a_redirect_is_not_followed(account: Account, command: Command) -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the base class's name
            self.send_response(302)
            self.send_header("Location", account.stand_in.api_base + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as address:
        account.cloud.deploy(stripe=address, SigningSecretArn=account.webhook.secret_arn)
        result = command("setup", STRIPE_SETUP_KEY=KEY)
    assert (result.exit_code, "Stripe answered 302" in result.stderr) == (ExitCode.FAILED, True)
    assert account.stand_in.requests()["total"] == 0
