"""Where a verb's answer goes: text for people, or JSON for programs; never both."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from billing_mirror.core.json_body import Json

from .failures import Failure
from .given_options import NOT_GIVEN, GivenOptions
from .json_text import one_line
from .words import aligned


class Output:
    """Standard output and standard error of one call.

    ``as_json`` writes each fact as JSON, one value a line, and no text. Colours and moving lines need a terminal, and
    respect ``NO_COLOR``. Commands in remedies get the options that were ``given``.
    """

    def __init__(self, *, as_json: bool, given: GivenOptions = NOT_GIVEN) -> None:
        self.as_json = as_json
        self._given = given
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def moves(self) -> bool:
        """Whether lines that move may be drawn."""
        return self.errors.is_terminal and not self.as_json

    def value(self, value: Json) -> None:
        """One JSON value, where JSON is wanted."""
        if self.as_json:
            sys.stdout.write(f"{one_line(value)}\n")
            sys.stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """One line for people."""
        if not self.as_json:
            self.console.print(Text(text, style=style))

    def remedy(self, text: str, indent: str = "") -> None:
        """What to do, for people."""
        self.line(f"{indent}{self.with_options(text)}")

    def with_options(self, remedy: str) -> str:
        """A remedy whose commands work on the stack that the call worked on."""
        return self._given.added_to(remedy)

    def lines(self, cells: Sequence[Sequence[str]], indent: str = "") -> None:
        """Lines for people, their cells in columns."""
        for line in aligned(cells):
            self.line(f"{indent}{line}")

    def note(self, text: str) -> None:
        """A remark for people that is no part of the answer."""
        if not self.as_json:
            self.errors.print(Text(text, style="dim"))

    def failure(self, failure: Failure) -> None:
        """What went wrong, and what to do; on standard error."""
        if self.as_json:
            sys.stderr.write(f"{one_line({'error': failure.sentence, 'remedy': self.with_options(failure.remedy)})}\n")
            return
        self.errors.print(Text(_ended(failure.sentence), style="bold red"))
        if failure.remedy:
            self.errors.print(Text(_ended(self.with_options(failure.remedy))))


def _ended(sentence: str) -> str:
    """The sentence with its full stop."""
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."
