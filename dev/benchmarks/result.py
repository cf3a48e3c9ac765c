"""What a benchmark has found, and how it is shown."""

import os
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table


@dataclass
class Result:
    """A table for people, figures for the file, and what was promised and not kept."""

    table: Table
    figures: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def at_most(self, what: str, value: float, bound: float) -> str:
        """The value as it is shown; notes it where it is more than was promised."""
        return self._shown(what, value, f"≤ {bound:g}", kept=value <= bound)

    def at_least(self, what: str, value: float, bound: float) -> str:
        """The value as it is shown; notes it where it is less than was promised."""
        return self._shown(what, value, f"≥ {bound:g}", kept=value >= bound)

    def _shown(self, what: str, value: float, bound: str, *, kept: bool) -> str:
        self.figures[what] = value
        if kept:
            return f"[green]{value:.4g}[/green] ({bound})"
        self.missed.append(f"{what} is {value:.4g}, promised was {bound}")
        return f"[red]{value:.4g}[/red] ({bound})"


def table(title: str, *columns: str) -> Table:
    """An empty one; the first column is text, the others are figures."""
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def load() -> str:
    """How busy the machine is with everything that runs on it."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
