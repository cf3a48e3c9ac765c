"""``export`` writes what the mirror holds, exactly, in a stream."""

from __future__ import annotations

import csv
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow
import pytest
from pyarrow import parquet

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item
from billing_mirror_cli.export.csv_file import write_csv
from billing_mirror_cli.export.parquet_file import ROW_GROUP, write_parquet
from billing_mirror_cli.export.stored import stored_objects
from billing_mirror_cli.export.tables import LIST_COLUMNS, OBJECT_COLUMNS, Row, TypeTables, table_name
from billing_mirror_cli.failures import ExitCode, Failure
from tests.cli.conftest import Cloud, Command, values
from tests.doubles.samples import noise, rate, sample, subscription

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SUBSCRIPTION = "v2.billing.rate_card_subscription"
Files = dict[str, list[dict[str, str]]]


@pytest.fixture
def exported(cloud: Cloud, command: Command, tmp_path: Path) -> Callable[..., Files]:
    """The rows of each CSV file that a call writes, by table."""
    cloud.pin()

    def export(*types: str) -> Files:
        result = command("export", *types, "--out", str(tmp_path / "out"))
        assert result.exit_code == ExitCode.OK, result.output
        return {path.parent.name: rows_of(path) for path in (tmp_path / "out").glob("*/*.csv")}

    return export


def rows_of(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(10**8)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def invoice(object_id: str, **members: object) -> JsonObject:
    return cast("JsonObject", {"id": object_id, "object": "invoice", "created": 1, "status": "open", **members})


def test_a_row_holds_what_the_mirror_knows_and_the_whole_body(cloud: Cloud, exported: Callable[..., Files]) -> None:
    cloud.put(subscription("rcds_1"), customer="cus_1")
    (row,) = exported(SUBSCRIPTION)["v2_billing_rate_card_subscription"]
    assert [*row][: len(OBJECT_COLUMNS)] == [*OBJECT_COLUMNS]
    assert (row["id"], row["type"], row["customer"], row["parent"]) == ("rcds_1", SUBSCRIPTION, "cus_1", "rcd_1")
    assert (row["status"], row["collection_status"], row["token"]) == ("active", "current", "1")
    assert row["fetched_at"] == "2023-11-14T22:13:20.000Z"
    assert json_body.parse(row["body"]) == subscription("rcds_1")
    assert row["billing_cadence"] == "bc_1"


def test_numbers_are_written_digit_for_digit(cloud: Cloud, exported: Callable[..., Files]) -> None:
    long, exact = 12345678901234567890123456789, Decimal("1000.000000000000000001")
    cloud.put(invoice("in_1", amount_due=long, exact=exact, auto_advance=False, due_date=None))
    (row,) = exported("invoice")["invoice"]
    assert (row["amount_due"], row["exact"]) == ("12345678901234567890123456789", "1000.000000000000000001")
    assert (row["auto_advance"], row["due_date"]) == ("false", "")
    assert json_body.parse(row["body"])["exact"] == exact


def test_flat_columns_are_the_members_that_are_plain_in_every_object(
    cloud: Cloud, exported: Callable[..., Files]
) -> None:
    cloud.put(invoice("in_1", number="A-1", from_invoice=None))
    cloud.put(invoice("in_2", number=7, from_invoice={"invoice": "in_1"}, only_here=True))
    rows = exported("invoice")["invoice"]
    assert [*rows[0]] == [*OBJECT_COLUMNS, "number", "object", "only_here"]
    assert {row["id"]: (row["number"], row["only_here"]) for row in rows} == {
        "in_1": ("A-1", ""),
        "in_2": ("7", "true"),
    }


def test_a_column_of_the_mirror_hides_a_member_with_its_name(cloud: Cloud, exported: Callable[..., Files]) -> None:
    cloud.put(sample("price", id="price_1", type="recurring"))
    (row,) = exported("price")["price"]
    assert row["type"] == "price"
    assert json_body.parse(row["body"])["type"] == "recurring"


def test_a_list_in_an_object_is_a_table(cloud: Cloud, exported: Callable[..., Files]) -> None:
    lines = [{"id": "il_1", "amount": 5}, {"id": "il_2", "amount": -3, "owner": "hidden"}]
    cloud.put(invoice("in_1", lines={"object": "list", "data": lines}, tags=["a"], taxes=[{"amount": 1}], empty=[]))
    files = exported("invoice")
    assert files.keys() == {"invoice", "invoice__lines", "invoice__taxes"}
    assert [*files["invoice__lines"][0]] == [*LIST_COLUMNS, "amount", "id"]
    assert [(row["owner"], row["position"], row["id"], row["amount"]) for row in files["invoice__lines"]] == [
        ("in_1", "1", "il_1", "5"),
        ("in_1", "2", "il_2", "-3"),
    ]
    assert json_body.parse(files["invoice__lines"][1]["body"]) == lines[1]


def test_lists_are_read_to_their_end_without_deleted_objects(cloud: Cloud, exported: Callable[..., Files]) -> None:
    for number in range(205):
        cloud.put(invoice(f"in_{number}"))
    cloud.put_tombstone(invoice("in_7"))
    ids = [row["id"] for row in exported("invoice")["invoice"]]
    assert sorted(ids) == sorted(f"in_{number}" for number in range(205) if number != 7)


def test_a_body_of_several_items_is_whole(cloud: Cloud, exported: Callable[..., Files]) -> None:
    large = invoice("in_1", lines={"object": "list", "data": [{"text": noise(900_000, 1)}]})
    cloud.put(large)
    (row,) = exported("invoice")["invoice"]
    assert json_body.parse(row["body"]) == large


def test_a_row_is_a_line(cloud: Cloud, exported: Callable[..., Files], tmp_path: Path) -> None:
    cloud.put(invoice("in_1", memo='two\nlines, "quoted"\r\n', half="\ud800"))
    (row,) = exported("invoice")["invoice"]
    assert (row["memo"], row["half"]) == ('two lines, "quoted"', "?")
    assert json_body.parse(row["body"])["memo"] == 'two\nlines, "quoted"\r\n'
    assert json_body.parse(row["body"])["half"] == "\ud800"
    assert len((tmp_path / "out" / "invoice" / "invoice.csv").read_bytes().split(b"\n")) == 3


def test_without_types_all_are_exported(cloud: Cloud, exported: Callable[..., Files]) -> None:
    cloud.put(rate("rcdr_1"))
    cloud.put({"id": "thing_1", "object": "thing", "created": 1})
    files = exported()
    assert len(files["v2_billing_rate_card_rate"]) == 1
    assert "thing" not in files
    assert files["invoice"] == []


def test_a_type_outside_the_catalog_is_exported_by_name(cloud: Cloud, exported: Callable[..., Files]) -> None:
    cloud.put({"id": "thing_1", "object": "thing", "created": 1})
    assert [row["id"] for row in exported("thing")["thing"]] == ["thing_1"]


def test_a_failed_export_leaves_nothing(cloud: Cloud, command: Command, tmp_path: Path) -> None:
    cloud.pin()
    cloud.put(invoice("in_1"))
    result = command("export", "invoice", "invoces", "--out", str(tmp_path / "deep" / "out"))
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.splitlines()[0] == "There is no type invoces."
    assert [*(tmp_path / "deep").iterdir()] == []


def test_a_scope_that_holds_nothing_is_refused_while_the_other_one_does(
    cloud: Cloud, command: Command, tmp_path: Path
) -> None:
    cloud.pin()
    cloud.put(invoice("in_1"))
    result = command("export", "invoice", "--scope", "live", "--out", str(tmp_path / "out"))
    assert result.exit_code == ExitCode.USAGE
    assert "holds nothing in the scope 'live'" in result.stderr
    assert "Reader(" not in result.stderr
    assert [*tmp_path.iterdir()] == []


def test_an_export_replaces_no_files(cloud: Cloud, command: Command, tmp_path: Path) -> None:
    cloud.pin()
    (tmp_path / "kept").write_text("kept")
    result = command("export", "invoice", "--out", str(tmp_path))
    assert (result.exit_code, result.stderr.splitlines()[1]) == (ExitCode.USAGE, "Give a new folder with --out.")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert command("export", "invoice", "--out", str(empty)).exit_code == ExitCode.OK
    assert [path.name for path in empty.iterdir()] == ["invoice"]


def test_a_folder_that_cannot_be_written_is_a_failure(cloud: Cloud, command: Command, tmp_path: Path) -> None:
    cloud.pin()
    (tmp_path / "file").write_text("")
    result = command("export", "invoice", "--out", str(tmp_path / "file" / "out"))
    assert result.exit_code == ExitCode.FAILED
    assert "cannot be written" in result.stderr.splitlines()[0]


def test_the_answer_counts_the_rows_of_each_table(cloud: Cloud, command: Command, tmp_path: Path) -> None:
    cloud.pin()
    cloud.put(invoice("in_1", taxes=[{"amount": 1}, {"amount": 2}]))
    result = command("export", "invoice", "--out", str(tmp_path / "out"), "--json")
    assert values(result) == [
        {"table": "invoice", "type": "invoice", "rows": 1},
        {"table": "invoice__taxes", "type": "invoice", "rows": 2},
    ]


def test_parquet_without_pyarrow_says_how_to_install_it(
    cloud: Cloud, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.pin()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    arguments = ("export", "invoice", "--out", str(tmp_path / "out"), "--format")
    result = command(*arguments, "parquet")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines() == [
        "Parquet files need pyarrow, which is not installed.",
        'pip install "billing-mirror[cli,export]".',
    ]
    assert command(*arguments, "csv").exit_code == ExitCode.OK


def test_a_past_state_needs_a_history(cloud: Cloud, command: Command, tmp_path: Path) -> None:
    cloud.pin()
    result = command("export", "--as-of", "2026-01-01", "--out", str(tmp_path / "out"))
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[0].startswith("The stack keeps no history")
    assert not (tmp_path / "out").exists()


class ManyObjects:
    """Stands for a table of any size: DynamoDB's two operations that an export needs, on items made when asked for."""

    def __init__(self, number: int, *, deleted: int = -1, throttled: bool = False) -> None:
        self._number = number
        self._deleted = f"test#in_{deleted}"
        self._throttled = throttled

    def query(self, *, Limit: int, ExclusiveStartKey: dict[str, dict[str, str]] | None = None, **_: object) -> object:  # noqa: N803
        first = int(ExclusiveStartKey["n"]["N"]) if ExclusiveStartKey else 0
        last = min(first + Limit, self._number)
        key = {"LastEvaluatedKey": {"n": {"N": str(last)}}} if last < self._number else {}
        return {"Items": [{"pk": {"S": f"test#in_{number}"}} for number in range(first, last)], **key}

    def batch_get_item(self, *, RequestItems: dict[str, dict[str, list[dict[str, dict[str, str]]]]]) -> object:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        if self._throttled:
            return {"Responses": {}, "UnprocessedKeys": RequestItems}
        return {"Responses": {table: [self._item(key["pk"]["S"]) for key in wanted["Keys"]]}, "UnprocessedKeys": {}}

    def _item(self, partition: str) -> object:
        body = invoice(partition, memo="x" * 20_000, lines={"object": "list", "data": [{"amount": 1}] * 3})
        about: Item = {"pk": partition, "id": partition, "type": "invoice", "token": 1, "fetched_at": "", "data": body}
        return to_attributes({**about, "deleted": True} if partition == self._deleted else about)


def read(table: ManyObjects) -> list[Item]:
    client = cast("DynamoDBClient", table)
    return [*stored_objects(client, "t", scope="test", type_name="invoice", pauses=(0.0, 0.0))]


def test_an_object_that_the_index_still_shows_is_left_out_when_deleted() -> None:
    assert [item["id"] for item in read(ManyObjects(3, deleted=1))] == ["test#in_0", "test#in_2"]


def test_a_throttled_table_is_a_failure() -> None:
    with pytest.raises(Failure, match="DynamoDB throttles the reads"):
        read(ManyObjects(3, throttled=True))


Writer = Callable[[Path, Sequence[str], Iterator[Row]], None]


def peak(number: int, write: Writer, folder: Path) -> int:
    """The most bytes that an export of so many objects holds at a time, those of pyarrow between two rows included."""
    folder.mkdir()
    arrow = 0

    def watched(rows: Iterator[Row]) -> Iterator[Row]:
        nonlocal arrow
        for row in rows:
            arrow = max(arrow, int(pyarrow.total_allocated_bytes()))
            yield row

    tracemalloc.start()
    tables = TypeTables("invoice", folder)
    for item in stored_objects(cast("DynamoDBClient", ManyObjects(number)), "t", scope="test", type_name="invoice"):
        tables.add(item)
    for table in tables.tables:
        write(folder / f"{table.name}.out", table.columns, watched(table.rows()))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [table.rows_added for table in tables.tables] == [number, 3 * number]
    return most + arrow


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_memory_does_not_grow_with_the_number_of_objects(write: Writer, tmp_path: Path) -> None:
    enough = 2 * ROW_GROUP // 40_000  # two groups of rows, which hold their text twice
    few, many = (peak(number, write, tmp_path / str(number)) for number in (enough, 5 * enough))
    assert many < 1.3 * few


def test_parquet_holds_text_and_nulls(tmp_path: Path) -> None:
    rows: list[Row] = [("1.10", None, "a\nb"), ("", "ü", None)]
    write_parquet(tmp_path / "file", ["one", "two", "three"], rows)
    found = parquet.read_table(tmp_path / "file")
    assert {field.type for field in found.schema} == {pyarrow.string()}
    assert [tuple(row.values()) for row in found.to_pylist()] == rows


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path / "parquet", OBJECT_COLUMNS, [])
    write_csv(tmp_path / "csv", OBJECT_COLUMNS, [])
    assert parquet.read_schema(tmp_path / "parquet").names == [*OBJECT_COLUMNS]
    assert (tmp_path / "csv").read_text().strip().split(",") == [*OBJECT_COLUMNS]


def test_names_of_tables_need_no_quotes() -> None:
    assert table_name("v2.billing.rate_card") == "v2_billing_rate_card"
