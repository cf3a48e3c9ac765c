"""Which stack a verb works on, and how a failure is reported."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from billing_mirror_cli import __version__
from billing_mirror_cli.app import app
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.stack.aws_failures import explain
from billing_mirror_cli.stack.parts import OUTPUTS
from tests.cli.conftest import Cloud, Command
from tests.doubles.samples import subscription
from tests.package.project import PROJECT
from tests.template.templates import BUNDLE


def test_every_output_that_the_command_reads_is_one_of_the_template() -> None:
    assert OUTPUTS.keys() <= BUNDLE["Outputs"].keys()


def test_the_command_and_the_stack_have_the_version_of_the_project() -> None:
    assert __version__ == PROJECT["version"]
    assert BUNDLE["Outputs"]["Version"]["Value"] == PROJECT["version"]
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{PROJECT['version']}\n"


def test_without_a_stack_the_answer_says_how_to_name_one(command: Command) -> None:
    result = command("get", "rcds_1", stack=None)
    assert result.exit_code == ExitCode.USAGE
    assert "BILLING_MIRROR_STACK" in result.stderr


def test_the_environment_can_name_the_stack(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.put(subscription("rcds_1"))
    assert command("get", "rcds_1", stack=None, BILLING_MIRROR_STACK=cloud.name).exit_code == ExitCode.OK


def test_a_stack_that_does_not_exist_is_named_with_its_region(command: Command) -> None:
    result = command("get", "rcds_1", stack="nope")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[0] == "There is no stack nope in us-east-1."


def test_a_stack_of_something_else_is_refused(cloud: Cloud, command: Command) -> None:
    cloud.deploy(TableName=None)
    result = command("get", "rcds_1")
    assert result.exit_code == ExitCode.FAILED
    assert "has no output TableName" in result.stderr


def test_a_failure_is_json_where_json_is_wanted(command: Command) -> None:
    result = command("get", "rcds_1", "--json", stack="nope")
    assert json.loads(result.stderr)["error"] == "There is no stack nope in us-east-1"
    assert result.stdout == ""


def test_debug_shows_the_trace_and_nothing_else_does(command: Command) -> None:
    assert "Traceback" in command("get", "rcds_1", "--debug", stack="nope").stderr
    assert "Traceback" not in command("get", "rcds_1", stack="nope").stderr


def test_an_address_without_aws_is_a_sentence(command: Command) -> None:
    result = command("get", "rcds_1", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert result.exit_code == ExitCode.FAILED
    assert "127.0.0.1:9" in result.stderr.splitlines()[0]
    assert "make sandbox" in result.stderr


def test_missing_credentials_are_a_sentence(command: Command) -> None:
    result = command("get", "rcds_1", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[0] == "There are no AWS credentials."


@pytest.mark.parametrize(
    ("code", "message", "sentence", "remedy"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/a is not authorized to perform: dynamodb:Query on resource: arn:x",
            "AWS does not allow Query",
            "dynamodb:Query",
        ),
        ("AccessDenied", "Access to the resource is denied.", "AWS does not allow Query", "Query"),
        ("ExpiredTokenException", "expired", "AWS does not accept the credentials (ExpiredTokenException)", "Log in"),
        (
            "ThrottlingException",
            "Rate exceeded",
            "AWS refuses Query: ThrottlingException: Rate exceeded",
            "in a minute",
        ),
        (
            "ResourceNotFoundException",
            "no such table",
            "AWS refuses Query: ResourceNotFoundException: no such table",
            "--region",
        ),
        ("KMSDisabledException", "", "AWS refuses Query: KMSDisabledException", "--debug"),
    ],
)
def test_what_aws_refuses_is_a_sentence(code: str, message: str, sentence: str, remedy: str) -> None:
    failure = explain(ClientError({"Error": {"Code": code, "Message": message}}, "Query"))
    assert failure.sentence == sentence
    assert remedy in failure.remedy


def test_a_scope_that_cannot_be_is_a_usage_failure(command: Command) -> None:
    result = command("get", "rcds_1", "--scope", "prod")
    assert result.exit_code == ExitCode.USAGE
    assert "neither 'live' nor 'test'" in result.stderr


def test_stack_and_sandbox_exclude_each_other(command: Command) -> None:
    assert command("get", "rcds_1", "--sandbox").exit_code == ExitCode.USAGE


def test_without_a_sandbox_the_answer_says_how_to_start_one(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("get", "rcds_1", "--sandbox", stack=None)
    assert result.exit_code == ExitCode.FAILED
    assert "make sandbox" in result.stderr


def test_a_sandbox_file_of_another_shape_is_a_sentence(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".sandbox").mkdir()
    (tmp_path / ".sandbox" / "endpoints.json").write_text('{"region": "us-east-1"}')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    result = command("get", "rcds_1", "--sandbox", stack=None)
    assert result.exit_code == ExitCode.FAILED
    assert "does not describe a sandbox" in result.stderr


def test_events_needs_no_stack_and_no_aws() -> None:
    shown = CliRunner().invoke(app, ["events"])
    assert shown.exit_code == ExitCode.OK
    assert "v1.invoice.paid" in shown.stdout.splitlines()
    assert json.loads(CliRunner().invoke(app, ["events", "--json"]).stdout) == shown.stdout.splitlines()
