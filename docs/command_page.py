"""The help of each verb in docs/command.md, as the command prints it; ``make docs`` writes it."""

import os
import sys
from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from billing_mirror_cli.app import app

PAGE = Path(__file__).parent / "command.md"
BEGIN, END = "<!-- verbs: made by `make docs` -->\n", "<!-- end of verbs -->"
_PLAIN = {
    "COLUMNS": "80",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "FORCE_COLOR": None,
    "GITHUB_ACTIONS": None,
    "PY_COLORS": None,
}


def verbs() -> list[list[str]]:
    """The arguments that name each verb, those of a group after one another."""
    return [[*path] for path in _paths(get_command(app), ())]


def _paths(command: object, before: tuple[str, ...]) -> list[tuple[str, ...]]:
    below: dict[str, object] = getattr(command, "commands", {})
    if not below:
        return [before]
    return [path for name, one in below.items() for path in _paths(one, (*before, name))]


EVERY = "Options of every verb"
_BOX = f"╭─ {EVERY} "


def help_of(verb: list[str]) -> str:
    """What ``billing-mirror VERB --help`` prints, 80 columns wide."""
    shown = CliRunner().invoke(app, [*verb, "--help"], env=_PLAIN, prog_name="billing-mirror").stdout
    return "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())


def written(page: str) -> str:
    """The page with the help as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    helps = [help_of(verb).partition(_BOX) for verb in verbs()]
    (shared,) = {"".join(parts[1:]) for parts in helps}
    named = [(EVERY, shared), *zip(map(" ".join, verbs()), (parts[0].strip("\n") for parts in helps), strict=True)]
    sections = [f"### {name}\n\n```text\n{text}\n```\n\n" for name, text in named]
    return "".join((before, BEGIN, *sections, END, after))


if __name__ == "__main__":
    os.environ.pop("BILLING_MIRROR_STACK", None)
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write("docs/command.md: the verbs are as the command says.\n")
