"""``billing-mirror export``: the mirror as files for spreadsheets, Athena and DuckDB."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeAlias

import typer

from billing_mirror.core import catalog, times
from billing_mirror.core.table.items import Item

from .. import mirror
from ..export.csv_file import write_csv
from ..export.past import past_objects
from ..export.stored import stored_objects
from ..export.tables import Row, Table, TypeTables
from ..failures import Failure, usage
from ..past_time import past_time
from ..stack.session import Session
from ..words import count
from .verify import Types

NOTE_SECONDS = 10.0
"""Seconds between two remarks about a type that takes long."""

Write: TypeAlias = Callable[[Path, Sequence[str], Iterator[Row]], None]


class Format(StrEnum):
    """The kinds of files."""

    CSV = "csv"
    PARQUET = "parquet"


def export(
    session: Session,
    types: Types = None,
    *,
    file_format: Annotated[
        Format, typer.Option("--format", help="The kind of files; parquet needs the extra export.")
    ] = Format.CSV,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to make; it must not hold files.")
    ] = Path("export"),
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="The objects as they were then: 2026-11-28T14:00:00Z, or the end of a day; needs a history.",
        ),
    ] = None,
) -> None:
    """Write the objects as files, a folder for each type and for each list in its objects; without deleted objects.

    docs/reports.md has tables for Athena and DuckDB, and reports in SQL.
    """
    moment = times.iso(past_time(as_of, session.now())) if as_of is not None else None
    write = _writer(file_format)
    names = dict.fromkeys(_type_name(name) for name in types or catalog.TYPES)
    with _folder(out) as folder, TemporaryDirectory(prefix=".rows-", dir=folder.parent) as kept:
        tables = [
            table
            for name in names
            for table in _write_type(
                session, _items(session, name, moment), name, folder, Path(kept), write, file_format
            )
        ]
    rows = sum(table.rows_added for table in tables)
    session.output.note(f"{count(rows, 'row')} in {count(len(tables), 'table')}: {out}")


def _writer(file_format: Format) -> Write:
    if file_format is Format.CSV:
        return write_csv
    if importlib.util.find_spec("pyarrow") is None:
        raise Failure("Parquet files need pyarrow, which is not installed", 'pip install "billing-mirror[cli,export]"')
    from ..export.parquet_file import write_parquet

    return write_parquet


def _type_name(name: str) -> str:
    object_type = catalog.find_type(name)
    return object_type.name if object_type else name


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that takes its name at the end: what is called ``out`` is a whole export."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise usage(f"{out} is there already", "Give a new folder with --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as unfinished:
            whole = Path(unfinished) / out.name
            whole.mkdir()
            yield whole
            if out.is_dir():
                out.rmdir()
            whole.rename(out)
    except OSError as error:
        raise Failure(
            f"{out} cannot be written: {error.strerror}", "Is there room, and may you write there?"
        ) from error


def _items(session: Session, name: str, moment: str | None) -> Iterator[Item]:
    """The objects of a type, now or at a moment."""
    client, table, scope = session.aws.dynamodb, session.stack.table, str(session.own_scope)
    if moment is None:
        return stored_objects(client, table, scope=scope, type_name=name)
    if session.stack.parameters.get("HistoryDays", "0") == "0":
        raise Failure("The stack keeps no history", "Deploy with HistoryDays; docs/changes.md says how")
    return past_objects(client, table, scope=scope, type_name=name, moment=moment, now=session.now())


def _write_type(
    session: Session, items: Iterator[Item], name: str, folder: Path, kept: Path, write: Write, file_format: Format
) -> list[Table]:
    """Reads a type and writes its tables."""
    tables = TypeTables(name, kept)
    noted_at, read = session.now(), 0
    for read, item in enumerate(items, 1):
        tables.add(item)
        if session.now() - noted_at >= NOTE_SECONDS:
            noted_at = session.now()
            session.output.note(f"{name}: {count(read, 'object')} read")
    if not read:
        _check_name_and_scope(session, name)
    for table in tables.tables:
        path = folder / table.name / f"{table.name}.{file_format.value}"
        path.parent.mkdir()
        write(path, table.columns, table.rows())
        table.close()
        session.output.value({"table": table.name, "type": name, "rows": table.rows_added})
        if table.rows_added:
            session.output.line(f"{table.name}  {count(table.rows_added, 'row')}")
    return tables.tables


def _check_name_and_scope(session: Session, name: str) -> None:
    """Raises :class:`Failure` where a type is empty because its name, or the scope, is mistaken."""
    if name not in catalog.TYPES:
        raise mirror.unknown_type(name)
    next(mirror.by_type(session.reader, name), None)
