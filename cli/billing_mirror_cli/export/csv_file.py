"""Rows as a CSV file: https://www.rfc-editor.org/rfc/rfc4180"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from .tables import Row


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes UTF-8 with a header, a line for each row: Athena reads line by line, so line breaks become spaces.

    An empty field is null or an empty text.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([value and " ".join(value.splitlines()) for value in row])
