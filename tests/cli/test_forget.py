"""``forget`` has reconcile remove what only the mirror holds of customers."""

import pytest

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command, values

DONE: JsonObject = {"result": "complete", "objects": 3, "shown": {}, "failed": [], "more": False, "cursor": ""}


def answering(cloud: Cloud, *answers: JsonObject) -> None:
    cloud.pin()
    left = [*answers]
    cloud.function.answer = lambda _: left.pop(0)


def test_a_customer_is_forgotten_by_reconcile(cloud: Cloud, command: Command) -> None:
    answering(cloud, DONE)
    result = command("forget", "cus_1", "--yes")
    assert (result.exit_code, result.stdout.splitlines()) == (
        ExitCode.OK,
        ["Objects found: 3.", "The mirror holds no body of them."],
    )
    assert cloud.function.requests == [{"job": "forget", "customers": ["cus_1"]}]


@pytest.mark.parametrize(
    ("parameters", "last"),
    [
        (
            {"Changes": "on", "ChangesArchiveDays": "14"},
            "The table holds no body of them. The archive of changes keeps theirs for up to 14 days.",
        ),
        ({"Changes": "on", "ChangesArchiveDays": "0"}, "The mirror holds no body of them."),
        ({"Changes": "off", "ChangesArchiveDays": "14"}, "The mirror holds no body of them."),
    ],
)
def test_an_archive_that_cannot_forget_is_named(
    cloud: Cloud, command: Command, parameters: dict[str, str], last: str
) -> None:
    cloud.deploy(parameters=parameters)
    answering(cloud, DONE)
    assert command("forget", "cus_1", "--yes").stdout.splitlines()[-1] == last


def test_a_customer_of_a_connected_account_is_forgotten_there(cloud: Cloud, command: Command) -> None:
    answering(cloud, DONE)
    assert command("forget", "cus_1", "--yes", "--scope", "test/acct_2").exit_code == ExitCode.OK
    assert cloud.function.requests == [{"job": "forget", "customers": ["cus_1"], "context": "acct_2"}]


def test_nothing_is_removed_without_a_yes(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    assert command("forget", "cus_1").exit_code != ExitCode.OK
    assert cloud.function.requests == []


def test_a_large_table_takes_several_invocations(cloud: Cloud, command: Command) -> None:
    answering(cloud, {**DONE, "result": "running", "more": True, "cursor": "x"}, DONE)
    result = command("forget", "cus_1", "--yes")
    assert "Objects found: 6." in result.stdout
    assert [request.get("cursor") for request in cloud.function.requests] == [None, "x"]


def test_what_stripe_still_shows_is_said(cloud: Cloud, command: Command) -> None:
    answering(cloud, {**DONE, "shown": {"invoice": 2, "customer": 1}})
    result = command("forget", "cus_1", "--yes")
    assert result.exit_code == ExitCode.FAILED
    assert "Stripe still shows 1 customer, 2 invoice" in result.stdout
    assert "redact" in result.stderr


def test_what_could_not_be_fetched_has_its_reason(cloud: Cloud, command: Command) -> None:
    failed: list[Json] = [{"id": "in_1", "type": "invoice", "outcome": None, "reason": "the key lacks a permission"}]
    answering(cloud, {**DONE, "result": "failed", "failed": failed})
    result = command("forget", "cus_1", "--yes")
    assert result.exit_code == ExitCode.FAILED
    assert "in_1  the key lacks a permission" in result.stdout


def test_more_customers_than_one_request_may_have(cloud: Cloud, command: Command) -> None:
    answering(cloud, DONE, DONE)
    result = command("forget", *(f"cus_{number}" for number in range(25)), "--yes", "--json")
    assert len(values(result)) == 2
    sizes = [len(one["customers"]) for one in cloud.function.requests if isinstance(one["customers"], list)]
    assert sizes == [20, 5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["a\nb"], "no Stripe id has"), (["cus_1", "--scope", "test/cus_2"], "ontext must be a connected account")],
)
def test_a_customer_that_cannot_be_named_is_a_usage_failure(
    cloud: Cloud, command: Command, arguments: list[str], said: str
) -> None:
    cloud.pin()
    result = command("forget", *arguments, "--yes")
    assert result.exit_code == ExitCode.USAGE
    assert said in result.stderr
    assert cloud.function.requests == []
