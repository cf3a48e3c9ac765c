"""Rows as a Parquet file, through pyarrow, which the extra ``export`` installs.

https://arrow.apache.org/docs/python/generated/pyarrow.parquet.ParquetWriter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow
from pyarrow import parquet

from .tables import Row

ROW_GROUP = 8_000_000
"""Characters of the rows that are in memory at a time and make a row group."""


def write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes every column as text."""
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            values = [[row[index] for row in group] for index in range(len(columns))]
            writer.write_batch(pyarrow.record_batch(values, schema=schema))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(value) for value in row if value)
        if size >= ROW_GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group
