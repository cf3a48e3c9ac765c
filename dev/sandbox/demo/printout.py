"""What the demo prints: each step with its mark, the figures for the record, and what is being done meanwhile."""

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any, Self

from rich.console import Console, RenderableType

from dev.sandbox.comparison import Comparison
from dev.sandbox.demo import report
from dev.sandbox.toolchain import ROOT, said_while

NOT_A_TERMINAL = 130
"""Columns of the output where there is no terminal."""
TEXT = ROOT / "build" / "demo.txt"
FIGURES = ROOT / "build" / "demo.json"

Progress = Callable[[str], None]


class Printout:
    """Prints the report on the console and keeps its plain text; ``record`` has its figures."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = io.StringIO()
        self._plain = Console(file=self._text, highlight=False, width=console.width)
        self.record: dict[str, Any] = {"steps": []}

    def print(self, *parts: RenderableType, soft_wrap: bool = False) -> None:
        for console in (self._console, self._plain):
            console.print(*parts, sep="\n", soft_wrap=soft_wrap)

    def step(self, sentence: str, *, good: bool, comparison: Comparison | None = None) -> None:
        """Prints one step with its mark."""
        self.print(f"{report.mark(good)} {sentence}")
        self.record["steps"].append(
            {"step": sentence, "good": good, **(report.compared(comparison) if comparison is not None else {})}
        )

    def write(self) -> None:
        TEXT.parent.mkdir(exist_ok=True)
        TEXT.write_text(self._text.getvalue())
        FIGURES.write_text(json.dumps(self.record, indent=2) + "\n")


class Phases:
    """Says what is being done, where no status line can be seen: a line for each phase, and more while it lasts."""

    def __init__(self, say: Progress) -> None:
        self._say = say
        self._said = contextlib.ExitStack()

    def begin(self, what: str) -> None:
        """Ends the phase before."""
        self._said.close()
        self._say(what)
        self._said.enter_context(said_while(self._say, f"  {what}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._said.close()
