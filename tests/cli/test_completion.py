"""A shell completes verbs, options and types, once the command has installed its completion."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing_mirror.core import catalog
from billing_mirror_cli.app import app
from tests.template.templates import ROOT

INVOICES = [name for name in catalog.TYPES if name.startswith("invoice")]


def completed(shell: str, line: str) -> str:
    """What the command answers a shell whose user has typed this."""
    words = line.split(" ")
    typed = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell != "bash":
        typed = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return (
        CliRunner()
        .invoke(app, env={"_BILLING_MIRROR_COMPLETE": f"complete_{shell}", **typed}, prog_name="billing-mirror")
        .stdout
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_offers_verbs_options_and_types(shell: str) -> None:
    offered = completed(shell, "billing-mirror ")
    assert all(verb in offered for verb in ("status", "doctor", "quarantine", "verify"))
    assert "retry" in completed(shell, "billing-mirror quarantine r")
    assert "--dry-run" in completed(shell, "billing-mirror verify --d")
    for line in ("verify", "backfill", "export", "list", "get x --type", "diff x --type", "refresh x --type"):
        types = completed(shell, f"billing-mirror {line} invoice")
        assert all(name in types for name in INVOICES), line
        assert "customer" not in types


def test_bash_completes_after_the_installation(tmp_path: Path) -> None:
    """With the real bash, in a home of its own."""
    command = tmp_path / "billing-mirror"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m billing_mirror_cli "$@"\n')
    command.chmod(0o755)
    script = """
        billing-mirror --install-completion > /dev/null
        . ~/.bashrc
        COMP_WORDS=(billing-mirror verify invoice_)
        COMP_CWORD=2
        $(complete -p billing-mirror | sed 's/.*-F \\([^ ]*\\).*/\\1/') billing-mirror
        echo "${COMPREPLY[@]}"
    """
    paths = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT / 'layers'}:{ROOT / 'cli'}"}
    answer = subprocess.run(
        [str(shutil.which("bash")), "-c", script],
        env={**paths, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert answer.stdout.split() == ["invoice_payment"], answer.stderr
