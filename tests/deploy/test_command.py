"""What does the command that deploys say, and with which exit code does it end?"""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.cloudformation import STACK
from tests.deploy.conftest import Deploy
from tests.template_file import ROOT


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


def test_so_does_ctrl_d(deploy: Deploy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(None))
    assert deploy("", "--check") == 130
    assert capsys.readouterr().err == "\nStopped: nothing was deployed.\n"


def test_without_a_terminal_it_says_how_to_do_without_the_question(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert deploy("", "--check") == 1
    assert "there is no terminal to ask on: write it as docs/deploy.md shows" in capsys.readouterr().err


@pytest.mark.usefixtures("stack_file")
def test_ctrl_c_while_the_deploy_runs_says_that_it_continues(
    deploy: Deploy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy("UPDATE_COMPLETE", ctrl_c_at=1) == 130
    said = capsys.readouterr().err
    assert said.startswith("\nCloudFormation continues the deploy; ")
    assert f"describe-stacks --stack-name {STACK} " in said


@pytest.mark.usefixtures("stack_file")
def test_ctrl_c_after_it_says_that_it_is_done(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy("UPDATE_COMPLETE", ctrl_c_at=2) == 130
    assert capsys.readouterr().err == f"\n{STACK} is deployed; its outputs were not read.\n"


@pytest.mark.usefixtures("stack_file")
@pytest.mark.parametrize(
    ("allowed", "named"), [([], "'Queue Table'"), (["Table"], "'Table Queue'"), (["Queue"], "'Queue Table'")]
)
def test_the_command_that_allows_a_loss_names_the_stack_and_all_that_is_lost(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], allowed: list[str], named: str
) -> None:
    lost = [("Queue", "AWS::SQS::Queue"), ("Table", "AWS::DynamoDB::Table")]
    assert deploy("UPDATE_COMPLETE", "--replace", *allowed, removed=lost) == 1
    assert capsys.readouterr().err.endswith(f": make deploy STACK={STACK} REPLACE={named}\n")


@pytest.mark.usefixtures("stack_file")
def test_one_resource_needs_no_quotes(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy("UPDATE_COMPLETE", removed=[("StripeKey", "AWS::SecretsManager::Secret")]) == 1
    assert capsys.readouterr().err.endswith(f": make deploy STACK={STACK} REPLACE=StripeKey\n")


@pytest.mark.parametrize(
    "path", [*(ROOT / "cli").rglob("*.py"), *(ROOT / "dev").rglob("*.py")], ids=lambda one: one.name
)
def test_every_make_deploy_that_is_printed_names_the_stack(path: Path) -> None:
    for text in texts(path.read_text()):
        assert all(after.startswith(" STACK=") for after in text.split("make deploy")[1:]), text


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""make deploy"""', []),
        ('f("make deploy")', ["make deploy"]),
        ('f(f"{a}: make deploy {b}")', ["{}: make deploy {}"]),
    ],
)
def test_a_text_is_found_unless_it_is_documentation(source: str, found: list[str]) -> None:
    assert [*texts(source)] == found


def texts(source: str) -> Iterator[str]:
    """The texts of a module that are not its documentation, with {} for each value that is put in."""
    tree = ast.parse(source)
    nodes = [*ast.walk(tree)]
    of_another = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in of_another | documentation:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_a_refusal_of_aws_is_a_sentence(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-here")
    assert deploy("UPDATE_COMPLETE", "--check") == 1
    said = capsys.readouterr().err
    assert said.startswith("AWS refused or could not be reached: ")
    assert "not-here" in said
