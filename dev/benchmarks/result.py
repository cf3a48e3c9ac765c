"""What is the result of a benchmark, and how is it shown?"""

import os
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table


@dataclass
class Result:
    """A table to print, figures for the file, and the bounds that were missed."""

    table: Table
    figures: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def at_most(self, what: str, value: float, bound: float) -> str:
        """The value for the table; a value above the bound is noted as missed."""
        return self._shown(what, value, f"≤ {bound:g}", kept=value <= bound)

    def at_least(self, what: str, value: float, bound: float) -> str:
        """The value for the table; a value below the bound is noted as missed."""
        return self._shown(what, value, f"≥ {bound:g}", kept=value >= bound)

    def _shown(self, what: str, value: float, bound: str, *, kept: bool) -> str:
        self.figures[what] = value
        if kept:
            return f"[green]{value:.4g}[/green] ({bound})"
        self.missed.append(f"{what} is {value:.4g}, promised is {bound}")
        return f"[red]{value:.4g}[/red] ({bound})"


def table(title: str, *columns: str) -> Table:
    """An empty table; the first column is text, the others are figures."""
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def load() -> str:
    """The load of the whole machine."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
