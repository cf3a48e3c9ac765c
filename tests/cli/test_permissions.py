"""A role without permissions learns from each verb, in one sentence, what it lacks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from billing_mirror_cli.app import app
from billing_mirror_cli.failures import ExitCode
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from tests.cli.aws_doubles import denying
from tests.cli.conftest import Cloud, Command, values

SETUP_KEY = "rk_test_setup1"
VERBS: Mapping[str, tuple[str, ...]] = {
    "setup": ("setup",),
    "status": ("status",),
    "doctor": ("doctor",),
    "get": ("get", "cus_1"),
    "list": ("list", "customer"),
    "customer": ("customer", "cus_1"),
    "diff": ("diff", "cus_1"),
    "refresh": ("refresh", "cus_1"),
    "verify": ("verify", "customer"),
    "recover": ("recover",),
    "backfill": ("backfill", "customer"),
    "tail": ("tail", "--timeout", "0"),
    "prove": ("prove",),
    "export": ("export", "customer"),
    "history": ("history", "cus_1"),
    "console": ("console", "--port", "0"),
    "forget": ("forget", "cus_1", "--yes"),
    "quarantine list": ("quarantine", "list"),
    "quarantine show": ("quarantine", "show", "1"),
    "quarantine retry": ("quarantine", "retry", "1"),
    "quarantine drop": ("quarantine", "drop", "1", "--yes"),
}
NEED_NO_STACK = {"events"}
READ_THE_TABLE = {"get", "history", "list", "customer", "prove", "export"}
"""They need nothing but the stack's description and its table."""
SERVES = {"console"}
"""It listens once it may read the table; its pages say what it lacks."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``export`` writes where the command runs."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stack(cloud: Cloud) -> Iterator[Cloud]:
    """A stack that mirrors a customer."""
    with running(Backend([SETUP_KEY])) as listening_at:
        cloud.deploy(stripe=listening_at.api_base)
        cloud.pin(account="acct_standin")
        cloud.put({"id": "cus_1", "object": "customer", "name": "Ann"})
        yield cloud


@contextmanager
def role(stack: Cloud, *allowed: str) -> Iterator[Mapping[str, str]]:
    """The environment of a role that may do this and nothing else."""
    with denying(stack.endpoint, *allowed) as address:
        yield {"AWS_ENDPOINT_URL": address, "AWS_ENDPOINT_URL_LAMBDA": address, "STRIPE_SETUP_KEY": SETUP_KEY}


def test_each_verb_is_tried() -> None:
    single = {one.name for one in app.registered_commands}
    groups = [(one.name, one.typer_instance) for one in app.registered_groups]
    grouped = {f"{name} {one.name}" for name, group in groups if group for one in group.registered_commands}
    assert {str(name) for name in single | grouped} == VERBS.keys() | NEED_NO_STACK


@pytest.mark.parametrize("verb", VERBS)
def test_a_role_that_may_do_nothing(stack: Cloud, command: Command, verb: str) -> None:
    with role(stack, "Nothing") as environment:
        result = command(*VERBS[verb], **environment)
    assert result.exit_code == ExitCode.FAILED, result.output
    lines = result.stderr.splitlines()
    assert (len(lines), lines[0].startswith("AWS does not allow ")) == (2, True), result.output
    assert lines[1].startswith("Your role needs the permission ")


@pytest.mark.parametrize("verb", VERBS)
def test_a_role_that_may_only_describe_the_stack(stack: Cloud, command: Command, verb: str) -> None:
    with role(stack, "DescribeStacks", "GetCallerIdentity") as environment:
        result = command(*VERBS[verb], **environment)
        as_json = command(*VERBS[verb], "--json", **environment)
    assert (result.exit_code, as_json.exit_code) == (ExitCode.FAILED, ExitCode.FAILED), result.output
    assert "Traceback" not in result.output
    assert "Your role needs the permission " in result.output
    if verb != "doctor":  # which continues, and has a line for each check
        assert len(result.stderr.splitlines()) == 2, result.output
        assert "permission" in as_json.stderr
        assert as_json.stdout == ""


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - SERVES))
def test_a_role_that_may_read_the_table_too(stack: Cloud, command: Command, verb: str) -> None:
    with role(stack, "DescribeStacks", "GetCallerIdentity", "DynamoDB_20120810.") as environment:
        result = command(*VERBS[verb], **environment)
    assert "Traceback" not in result.output
    denied = "the permission " in result.output or "allow secretsmanager:" in result.output
    assert denied is (verb not in READ_THE_TABLE), result.output
    assert not denied or result.exit_code == ExitCode.FAILED


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_a_message_that_may_not_be_moved_stays_in_quarantine(stack: Cloud, command: Command, verb: str) -> None:
    stack.sqs.send_message(QueueUrl=stack.quarantine_url, MessageBody="{}")
    reads = ("AmazonSQS.ReceiveMessage", "AmazonSQS.GetQueueAttributes", "AmazonSQS.ChangeMessageVisibility")
    with role(stack, "DescribeStacks", "DynamoDB_20120810.", *reads) as environment:
        (group,) = values(command("quarantine", "list", "--json", **environment))
        result = command("quarantine", verb, str(group["group"]), *(["--yes"] if verb == "drop" else []), **environment)
        assert values(command("quarantine", "list", "--json", **environment)) == [group]
    assert result.exit_code == ExitCode.FAILED, result.output
    assert result.stderr.splitlines()[-1].startswith("Your role needs the permission ")
