"""docs/sandbox.md, followed from its top to its end on a stack that has just started."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from billing_mirror_cli.app import app
from billing_mirror_cli.failures import ExitCode
from dev.sandbox.__main__ import fill, save
from dev.sandbox.stack import Sandbox, start
from tests.documentation import aws_cli
from tests.documentation.pages import blocks, section, text_of
from tests.template_file import ROOT

from .conftest import eventually

PAGE = text_of("docs/sandbox.md")
_MAKE = re.compile(r'make cli ARGS="(?P<words>[^"]*)"')


@dataclass(frozen=True)
class Clone:
    """A folder with a sandbox that has just started, and a shell in it."""

    folder: Path
    sandbox: Sandbox

    def python(self, code: str) -> str:
        return self._run([sys.executable, "-c", code])

    def shell(self, code: str) -> str:
        """Runs lines of the page, with ``aws`` on the path."""
        exports, _, _ = blocks(section(PAGE, "## Use the AWS CLI"), "sh")[0].partition("\n\n")
        return self._run(["sh", "-e", "-c", f"{exports}\n{code}"])

    def command(self, line: str) -> Result:
        """Runs a line with ``make cli``."""
        words = _MAKE.fullmatch(line)
        assert words is not None, line
        environment = {"COLUMNS": "80", "NO_COLOR": "1"}
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(app, shlex.split(words["words"]), env=environment, prog_name="billing-mirror")

    def _run(self, command: list[str]) -> str:
        environment = {
            "PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone")
    program = folder / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(aws_cli.__file__)}" "$@"\n')
    program.chmod(0o755)
    with contextlib.ExitStack() as ending:
        sandbox = start(folder / ".sandbox", ending)
        save(sandbox, folder / ".sandbox")
        yield Clone(folder, sandbox)


def test_the_page_holds_on_a_stack_that_has_just_started(clone: Clone) -> None:
    (example,) = blocks(PAGE, "python")
    assert clone.python(example).startswith("Pay as you go\ncomplete ")  # no function has ever run before
    fill(clone.sandbox)
    _, _, looks = blocks(section(PAGE, "## Use the AWS CLI"), "sh")[0].partition("\n\n")
    shown = clone.shell(looks)
    assert clone.sandbox.endpoints.table in shown
    assert '"sk"' in shown
    files, endless = (block.splitlines() for block in blocks(section(PAGE, "## Read the company"), "sh"))
    invoices, exported = files
    (owed,) = clone.command(invoices).stdout.splitlines()
    customer = next(word for word in owed.split() if word.startswith("cus_"))
    account = clone.command(f'make cli ARGS="customer {customer} --sandbox"').stdout
    assert all(said in account for said in ("$147.00", "7 days late", "$20.00")), account
    assert endless == ['make cli ARGS="console --sandbox"']
    assert clone.command(exported).exit_code == ExitCode.OK
    assert [*(clone.folder / "build" / "company").rglob("*invoice*")]
    healthy, rehearsal = (block.splitlines() for block in blocks(section(PAGE, "## Metrics and alarms"), "sh"))
    for line in healthy:
        # A signing secret is proved by the metric of a webhook, which needs its function to end.
        result = eventually(partial(_succeeds, clone, line))
        assert result, clone.command(line).output
    *send, alarms, listing, dropping = rehearsal
    clone.shell("\n".join(send))
    assert "QuarantineNotEmpty" in str(
        eventually(lambda: (said := clone.shell(alarms)) and "Quarantine" in said and said)
    )
    assert "1 message" in clone.command(listing).output
    assert clone.command(dropping).exit_code == ExitCode.OK
    assert clone.command(listing).output == "The quarantine is empty.\n"


def _succeeds(clone: Clone, line: str) -> bool:
    return clone.command(line).exit_code == ExitCode.OK
