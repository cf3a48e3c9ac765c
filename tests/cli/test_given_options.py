"""A command that an answer names works on the stack that the answer is about."""

import json

import pytest

from billing_mirror_cli.app import app
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.given_options import NOT_GIVEN, GivenOptions
from tests.cli.conftest import Cloud, Command
from tests.doubles.samples import subscription

ALL_GIVEN = GivenOptions(stack="billing-live", scope="live/acct_1", region="eu-west-1")


@pytest.mark.parametrize(
    ("given", "remedy", "reached"),
    [
        (
            ALL_GIVEN,
            "If Stripe has it: billing-mirror refresh in_1",
            "If Stripe has it: billing-mirror refresh --stack billing-live --scope live/acct_1 --region eu-west-1 in_1",
        ),
        (
            GivenOptions(sandbox=True),
            "billing-mirror verify finds them; then billing-mirror recover",
            "billing-mirror verify --sandbox finds them; then billing-mirror recover --sandbox",
        ),
        (
            GivenOptions(stack="a b"),
            "billing-mirror quarantine retry GROUP",
            "billing-mirror quarantine retry --stack 'a b' GROUP",
        ),
        (
            ALL_GIVEN,
            "aws events create-event-bus --name bus",
            "aws events create-event-bus --region eu-west-1 --name bus",
        ),
        (ALL_GIVEN, "Log in (aws sso login), or see docs/deploy.md", "Log in (aws sso login), or see docs/deploy.md"),
        (NOT_GIVEN, "billing-mirror backfill", "billing-mirror backfill"),
    ],
)
def test_a_command_has_the_options_of_the_call_that_names_it(given: GivenOptions, remedy: str, reached: str) -> None:
    assert given.added_to(remedy) == reached


def test_quarantine_is_the_only_group_of_verbs() -> None:
    groups = {group.name for group in app.registered_groups}
    assert groups == {"quarantine"}, "the verb of a group is its second word"


def test_a_remedy_names_the_stack(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    result = command("get", "in_unknown")
    assert f"billing-mirror refresh --stack {cloud.name} in_unknown" in result.stderr
    said = json.loads(command("get", "in_unknown", "--json").stderr)
    assert f"billing-mirror refresh --stack {cloud.name} in_unknown" in said["remedy"]


def test_a_body_is_shown_as_it_is(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.put(subscription("rcds_1", metadata={"note": "billing-mirror verify"}))
    result = command("get", "rcds_1")
    assert result.exit_code == ExitCode.OK
    assert "billing-mirror verify" in result.stdout
