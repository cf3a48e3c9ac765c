"""Before anything is built, a deploy says in which states CloudFormation refuses it, why, and what to do."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import botocore.session
import pytest

from dev.deploy.states import refusal
from tests.deploy.cloudformation import STACK, Event
from tests.deploy.conftest import Deploy
from tests.deploy.states import states
from tests.template_file import ROOT

OPTIONS = " --region eu-central-1"
CHANGEABLE = {
    "REVIEW_IN_PROGRESS",
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "DELETE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
"""A stack that was deleted is not found by its name: to deploy makes a new one."""
REFUSED = sorted({*states()} - CHANGEABLE)

FAILED_FIRST_DEPLOY: Sequence[Event] = (
    (STACK, "ROLLBACK_COMPLETE", ""),
    ("Queue", "CREATE_FAILED", "Resource creation cancelled"),
    ("Table", "CREATE_FAILED", "no <permission>"),
    (STACK, "CREATE_IN_PROGRESS", "User Initiated"),
    ("Old", "CREATE_FAILED", "of a change before"),
)
FAILED_ROLLBACK: Sequence[Event] = (
    (STACK, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: [Topic]"),
    ("Topic", "UPDATE_FAILED", "it is gone"),
    ("Alarm", "UPDATE_FAILED", "a wrong period"),
    (STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
)


@pytest.mark.parametrize("state", sorted(CHANGEABLE))
def test_a_stack_that_cloudformation_changes_is_not_refused(state: str) -> None:
    assert refusal(STACK, state, OPTIONS, "") == ""


def test_nor_is_one_that_does_not_exist() -> None:
    assert refusal(STACK, "", OPTIONS, "") == ""


@pytest.mark.parametrize("state", REFUSED)
def test_every_other_state_is_named_with_what_it_means_and_what_to_do(state: str) -> None:
    lines = refusal(STACK, state, OPTIONS, "Table: no permission").splitlines()
    assert lines[0] == f"Nothing was built or deployed: CloudFormation changes no stack that is {state}."
    assert lines[1].startswith(f"{STACK} is in this state because ")
    assert lines[2] == "The reason: Table: no permission"
    commands = [shlex.split(line) for line in lines if line.startswith("  ")]
    assert commands[-1] == ["make", "deploy", f"STACK={STACK}"]
    assert all(command[-2:] == ["--region", "eu-central-1"] for command in commands[:-1])
    assert all(STACK in command for command in commands[:-1])


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("ROLLBACK_COMPLETE", "build/venvs/sam/bin/sam delete"),
        ("ROLLBACK_FAILED", "build/venvs/sam/bin/sam delete"),
        ("DELETE_FAILED", "build/venvs/sam/bin/sam delete"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
        *((state, "aws cloudformation describe-stacks") for state in REFUSED if state.endswith("_IN_PROGRESS")),
    ],
)
def test_the_first_command_ends_the_state_or_says_when_it_ends(state: str, command: str) -> None:
    first = next(line for line in refusal(STACK, state, OPTIONS, "").splitlines() if line.startswith("  "))
    assert first.strip().startswith(f"{command} --stack-name {STACK} ")


def test_the_commands_of_aws_exist() -> None:
    session = botocore.session.get_session()
    known = {
        *map(_as_command, session.get_service_model("cloudformation").operation_names),
        *(f"wait {_as_command(name)}" for name in session.get_waiter_model("cloudformation").waiter_names),
    }
    for state in REFUSED:
        for line in refusal(STACK, state, OPTIONS, "").splitlines():
            if line.startswith("  aws cloudformation "):
                assert line.removeprefix("  aws cloudformation ").partition(" --")[0] in known


def _as_command(name: str) -> str:
    return botocore.xform_name(name, "-")


@pytest.mark.parametrize("arguments", [("--check",), ("--preview",), ()])
def test_a_deploy_onto_a_failed_first_one_names_what_failed_first(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert deploy("ROLLBACK_COMPLETE", *arguments, events=FAILED_FIRST_DEPLOY) == 1
    said = capsys.readouterr().err
    assert "The reason: Table: no <permission>\n" in said
    assert f"sam delete --stack-name {STACK} --region eu-central-1\n" in said


def test_no_file_is_made_of_a_stack_that_cannot_be_changed(deploy: Deploy, tmp_path: Path) -> None:
    assert deploy("ROLLBACK_COMPLETE", events=FAILED_FIRST_DEPLOY) == 1
    assert not (tmp_path / "stacks").exists()


def test_where_undoing_failed_it_names_the_resource_that_failed_last(
    deploy: Deploy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy("UPDATE_ROLLBACK_FAILED", "--check", events=FAILED_ROLLBACK) == 1
    assert "The reason: Topic: it is gone\n" in capsys.readouterr().err


def test_where_only_the_stack_failed_it_names_that(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy("DELETE_FAILED", "--check", events=[(STACK, "DELETE_FAILED", "it is protected")]) == 1
    assert f"The reason: {STACK}: it is protected\n" in capsys.readouterr().err


def test_the_commands_name_the_region_of_the_stacks_file(
    deploy: Deploy, stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack_file.write_text('region = "eu-west-1"\n')
    assert deploy("UPDATE_IN_PROGRESS", "--check") == 1
    assert f"--stack-name {STACK}" in (said := capsys.readouterr().err)
    assert "--region eu-west-1\n" in said


@pytest.mark.usefixtures("stack_file")
def test_a_stack_that_can_be_changed_passes_the_check_and_nothing_is_deployed(deploy: Deploy) -> None:
    assert deploy("UPDATE_COMPLETE", "--check") == 0


def test_a_wrong_file_is_named_by_the_check(
    deploy: Deploy, stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack_file.write_text('region = "eu-central-1"\n[parameters]\nAlarmMail = "x"\n')
    assert deploy("UPDATE_COMPLETE", "--check") == 1
    assert "this version has no parameter AlarmMail" in capsys.readouterr().err


def test_the_check_comes_before_the_build() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    for target in ("deploy", "preview"):
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{target}:"))
        assert "built" not in lines[start].partition("##")[0]
        assert ["--check" in lines[start + 1], "built" in lines[start + 2]] == [True, True]
