"""Before anything is built, a deploy says in which states CloudFormation refuses it, why, and what to do."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session
import pytest

from dev.deploy.__main__ import main
from dev.deploy.states import refusal
from tests.cli.aws_doubles import Quiet, serving
from tests.deploy.states import states
from tests.template_file import ROOT

STACK = "billing-live"
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

Event = tuple[str, str, str]
"""Resource, status and reason."""
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


@contextmanager
def cloudformation(state: str, events: Sequence[Event] = (), of_a_page: int = 2) -> Iterator[str]:
    """CloudFormation with one stack in this state, or with none; pages of its events are short."""

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802 - the base class's name
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            operation, first = given["Action"][0], int(given.get("NextToken", ["0"])[0])
            if not state:
                self.respond(400, "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>")
                return
            if operation == "DescribeStacks":
                answer = f"<Stacks><member><StackStatus>{state}</StackStatus></member></Stacks>"
            elif operation == "GetTemplateSummary":
                answer = "<Parameters/>"
            else:
                assert operation == "DescribeStackEvents"
                page = "".join(
                    f"<member><StackId>{STACK}</StackId><PhysicalResourceId>{name}</PhysicalResourceId>"
                    f"<LogicalResourceId>{name}</LogicalResourceId><ResourceStatus>{status}</ResourceStatus>"
                    f"<ResourceStatusReason>{escape(reason)}</ResourceStatusReason></member>"
                    for name, status, reason in events[first : first + of_a_page]
                )
                after = first + of_a_page
                more = f"<NextToken>{after}</NextToken>" if after < len(events) else ""
                answer = f"<StackEvents>{page}</StackEvents>{more}"
            self.respond(
                200, f"<{operation}Response><{operation}Result>{answer}</{operation}Result></{operation}Response>"
            )

        def respond(self, code: int, text: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    with serving(Handler) as address:
        yield address


Deploy = Callable[..., int]


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Calls the command for a stack in a state, as ``make deploy`` does; SAM is not to be called."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    def call(state: str, *arguments: str, events: Sequence[Event] = ()) -> int:
        with cloudformation(state, events) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            folder, sam = tmp_path / "stacks", tmp_path / "no-sam"
            template = ROOT / "template.yaml"
            return main([STACK, f"--template={template}", f"--folder={folder}", f"--sam={sam}", *arguments])

    return call


def file_of(folder: Path) -> Path:
    path = folder / "stacks" / f"{STACK}.toml"
    path.parent.mkdir(exist_ok=True)
    return path


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
    deploy: Deploy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(tmp_path).write_text('region = "eu-west-1"\n')
    assert deploy("UPDATE_IN_PROGRESS", "--check") == 1
    assert f"--stack-name {STACK}" in (said := capsys.readouterr().err)
    assert "--region eu-west-1\n" in said


def test_a_stack_that_can_be_changed_passes_the_check_and_nothing_is_deployed(deploy: Deploy, tmp_path: Path) -> None:
    file_of(tmp_path).write_text('region = "eu-central-1"\n')
    assert deploy("UPDATE_COMPLETE", "--check") == 0


def test_a_wrong_file_is_named_by_the_check(deploy: Deploy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file_of(tmp_path).write_text('region = "eu-central-1"\n[parameters]\nAlarmMail = "x"\n')
    assert deploy("UPDATE_COMPLETE", "--check") == 1
    assert "this version has no parameter AlarmMail" in capsys.readouterr().err


def test_the_check_comes_before_the_build() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    for target in ("deploy", "preview"):
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{target}:"))
        assert "built" not in lines[start].partition("##")[0]
        assert ["--check" in lines[start + 1], "built" in lines[start + 2]] == [True, True]


class Terminal:
    """A terminal at which no answer is typed: Ctrl-C, or Ctrl-D."""

    def __init__(self, key: type[BaseException] | None) -> None:
        self._key = key

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        if self._key:
            raise self._key
        return ""


def test_ctrl_c_at_the_question_ends_with_130_and_makes_nothing(
    deploy: Deploy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(KeyboardInterrupt))
    assert deploy("", "--check") == 130
    assert capsys.readouterr().err == "\nStopped: nothing was deployed.\n"
    assert not (tmp_path / "stacks").exists()


def test_so_does_no_answer_with_how_to_do_without_the_question(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(None))
    assert deploy("", "--check") == 1
    assert "there is no terminal to ask on: write it as docs/deploy.md shows" in capsys.readouterr().err


def test_a_refusal_of_aws_is_a_sentence(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-here")
    assert deploy("UPDATE_COMPLETE", "--check") == 1
    said = capsys.readouterr().err
    assert said.startswith("AWS refused or could not be reached: ")
    assert "not-here" in said
