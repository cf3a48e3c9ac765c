"""The README's picture of `make demo`, drawn from a recorded run: ``make docs`` writes it.

To draw another run: ``make demo``, ``cp build/demo.txt docs/demo.txt``, ``make docs``.
"""

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
RECORDING, PICTURE = DOCS / "demo.txt", DOCS / "demo.svg"
COLUMNS = 104
LEFT_OUT = "Mirrored"
"""The title of the one table that the picture leaves out: it has a row for each type."""
FONTS = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)
"""GitHub shows a picture without loading fonts: the reader's own have to do."""

OWN_FONTS = "DejaVu Sans Mono, Menlo, Consolas"


def shown(recording: str) -> Iterator[str]:
    """The lines of the picture: from the first step on, with a mark where a table is left out."""
    steps, _, report = recording[recording.index("✓") :].partition(f"{LEFT_OUT} ")
    # Join the lines of a step that the recording has wrapped.
    yield from re.sub(r" *\n(?![✓✗\n]|$)", " ", steps.rstrip()).splitlines()
    if report:
        yield ""
        yield "[... a table of the mirrored types ...]"
        yield from report[report.index("┘") + 1 :].strip().splitlines()


def picture(recording: str) -> str:
    """The recording as SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False)
    console.print(Text("$ make demo", style="bold"))
    for line in shown(recording):
        text = Text(line)
        text.highlight_regex(r"^✓|\brepaired\b", "green")
        text.highlight_regex(r"^✗", "red")
        text.highlight_regex(r"^\[\.\.\..*", "dim")
        console.print(text)
    console.print()  # the picture cuts the lower edge of its last line
    svg = console.export_svg(title="make demo", unique_id="demo")
    return "\n".join(line.rstrip() for line in FONTS.sub("", svg).replace("Fira Code", OWN_FONTS).splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(RECORDING.read_text()))
    sys.stdout.write("docs/demo.svg: the recorded run of `make demo`.\n")
