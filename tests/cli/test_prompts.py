"""Ctrl-C or the end of input at a question changes nothing, and says how to do without the question."""

import ast
import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command
from tests.template_file import ROOT

CUSTOMER, MESSAGE = "cus_1", "a message that nothing reads"
CTRL_C, CTRL_D = "ctrl-c", "ctrl-d"
STOPPED = "Stopped at a question: nothing was changed"

QUESTIONS = {
    ("forget", CUSTOMER): "Give --yes to do it without the question",
    ("quarantine", "drop", "--all"): "Give --yes to do it without the question",
    ("setup",): "Pipe the key in, or set STRIPE_SETUP_KEY",
    ("diff", CUSTOMER): "Set STRIPE_API_KEY",
}
"""Every verb that asks, and what it says about how to do without."""


@pytest.fixture
def stack(cloud: Cloud) -> Cloud:
    """A stack at which every question comes: no key is readable, and there is something to remove."""
    cloud.pin()
    cloud.put({"id": CUSTOMER, "object": "customer", "livemode": False})
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody=MESSAGE)
    return cloud


def left(cloud: Cloud) -> str:
    """What a question that is not answered leaves as it is."""
    attributes = cloud.sqs.get_queue_attributes(
        QueueUrl=cloud.quarantine_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return attributes["Attributes"]["ApproximateNumberOfMessages"]


def at_terminal(cloud: Cloud, *arguments: str, key: str) -> tuple[int, str, str]:
    """The command at a terminal, where a person types one key at the question."""
    person, terminal = pty.openpty()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")},
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("layers", "cli")),
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ENDPOINT_URL_LAMBDA": cloud.function.address,
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "billing_mirror_cli", *arguments, "--stack", cloud.name],
        env=environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no prompt finds the terminal of the tests
    )
    os.close(terminal)
    assert started.stderr is not None
    question = b""
    while not question.rstrip().endswith(b":") and (read := os.read(started.stderr.fileno(), 1000)):
        question += read
    if key == CTRL_C:
        started.send_signal(signal.SIGINT)
    else:
        os.write(person, b"\x04")
    try:
        output, errors = started.communicate(timeout=30)
    finally:
        started.kill()
        os.close(person)
    return started.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("arguments", QUESTIONS, ids=" ".join)
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_ctrl_c_and_ctrl_d_at_a_question_change_nothing_and_say_so(
    stack: Cloud, arguments: tuple[str, ...], key: str
) -> None:
    code, output, errors = at_terminal(stack, *arguments, key=key)
    assert (code, output) == (ExitCode.INTERRUPTED, "")
    assert errors.split() == f"{STOPPED}. {QUESTIONS[arguments]}.".split()
    assert errors.startswith("\n"), "the question's line ends first"
    assert left(stack) == "1"
    assert stack.function.requests == []


def test_doctor_does_not_report_it_as_a_finding(stack: Cloud) -> None:
    code, output, errors = at_terminal(stack, "doctor", key=CTRL_C)
    assert (code, "problem" in output, STOPPED in errors) == (ExitCode.INTERRUPTED, False, True)


@pytest.mark.parametrize("arguments", QUESTIONS, ids=" ".join)
def test_where_json_is_wanted_it_is_a_failure_in_json(stack: Cloud, arguments: tuple[str, ...]) -> None:
    code, output, errors = at_terminal(stack, *arguments, "--json", key=CTRL_C)
    assert (code, output) == (ExitCode.INTERRUPTED, "")
    assert json.loads(errors.splitlines()[-1]) == {"error": STOPPED, "remedy": QUESTIONS[arguments]}


AT_A_TERMINAL = {("diff", CUSTOMER)}
"""What reads no answer from a pipe, where the input may be another command's: its end is no answer either."""


@pytest.mark.parametrize("arguments", sorted(QUESTIONS.keys() - AT_A_TERMINAL), ids=" ".join)
def test_a_script_without_a_terminal_learns_which_option_it_needs(
    stack: Cloud, command: Command, arguments: tuple[str, ...]
) -> None:
    result = command(*arguments)
    assert (result.exit_code, result.stdout) == (ExitCode.INTERRUPTED, "")
    assert result.stderr.endswith(f"\n{STOPPED}.\n{QUESTIONS[arguments]}.\n")
    assert left(stack) == "1"


@pytest.mark.parametrize("arguments", sorted(AT_A_TERMINAL), ids=" ".join)
@pytest.mark.parametrize("typed", ["", "rk_test_piped\n"])
def test_a_verb_that_asks_at_a_terminal_only_fails_elsewhere(
    stack: Cloud, command: Command, arguments: tuple[str, ...], typed: str
) -> None:
    result = command(*arguments, typed=typed)
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    assert QUESTIONS[arguments] in result.stderr
    assert left(stack) == "1"


@pytest.mark.parametrize("arguments", [one for one in QUESTIONS if "--yes" in QUESTIONS[one]], ids=" ".join)
def test_no_is_no_interruption(stack: Cloud, command: Command, arguments: tuple[str, ...]) -> None:
    result = command(*arguments, "--json", typed="n\n")
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    said = json.loads(result.stderr.splitlines()[-1])
    assert said == {"error": "Not confirmed: nothing was changed", "remedy": ""}
    assert left(stack) == "1"


QUESTION = re.compile(r"\b(input|getpass|confirm|prompt|\w*Prompt|Confirm|questionary|prompt_toolkit|inquirer)\b")
"""What Python, typer, click and rich call a question, and libraries that only ask."""
OPTIONS = {"prompt", "confirmation_prompt", "prompt_required", "abort"}
"""The parameters by which typer and click ask."""


def asks(source: str) -> bool:
    """Whether a module uses what asks, under whatever name, or an option that does; our own questions are none."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=module, level=0, names=names):
                used = [str(module), *(one.name for one in names)]
            case ast.Import(names=names):
                used = [one.name for one in names]
            case ast.Attribute(attr=name):
                used = [name]
            case ast.Call(func=ast.Name(id="input")):
                used = ["input"]
            case _:
                used = []
        if any(QUESTION.search(name) for name in used):
            return True
        if isinstance(node, ast.keyword) and node.arg in OPTIONS:
            return True
    return False


@pytest.mark.parametrize(
    "source",
    [
        "input()",
        "import getpass",
        "import getpass as g",
        "from getpass import getpass",
        "from typer import confirm as c",
        "import typer; typer.confirm('?')",
        "import click; click.prompt('?')",
        "from click import confirm",
        "from rich.prompt import Confirm",
        "from rich import prompt",
        "import rich.prompt",
        "import rich; rich.prompt.Confirm.ask('?')",
        "from rich.console import Console; Console().input()",
        "import typer; typer.Option(prompt=True)",
        "import click; click.option('--yes', confirmation_prompt=True)",
    ],
)
def test_every_kind_of_question_is_found(source: str) -> None:
    assert asks(source)


@pytest.mark.parametrize(
    "source", ["from ..prompts import confirm; confirm('?')", "'input'", "input = 1", "import sys; sys.stdin.isatty()"]
)
def test_nothing_else_is_a_question(source: str) -> None:
    assert not asks(source)


def test_only_one_module_asks() -> None:
    assert [path.name for path in (ROOT / "cli").rglob("*.py") if asks(path.read_text())] == ["prompts.py"]
