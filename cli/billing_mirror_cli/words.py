"""Times, ages and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from billing_mirror.core import times

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def age(seconds: float) -> str:
    """``12 s``, ``3 min``, ``5 h``, ``2 d``: rounded down, so that nothing looks older than it is."""
    seconds = max(0.0, seconds)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} d"


def moment(written: str) -> str:
    """A time of the table: ``2026-11-28 14:02:31 UTC``."""
    return f"{written[:10]} {written[11:19]} UTC"


def since(written: str, now: float) -> str:
    """A time of the table with its age: ``2026-11-28 14:02:31 UTC (2 s ago)``."""
    return f"{moment(written)} ({age(now - times.seconds(written))} ago)"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 message``, ``1,912 messages``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def aligned(lines: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """The lines with their cells in columns; nothing is cut."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [gap.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
