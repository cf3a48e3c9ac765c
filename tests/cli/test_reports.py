"""The reports of docs/reports.md, on an export of a mirrored company, beside figures computed without them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from billing_mirror.core import catalog
from billing_mirror.core.runs.run import Job, Status
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api import server
from dev.fake_stripe.client import StandIn
from dev.sandbox.ministack import MiniStack
from tests.cli.company import Company
from tests.cli.conftest import Cloud, Function, run_command
from tests.cli.truth import REPORTS, Figures, Ledger, ordered
from tests.contract.end_to_end import KEY, EndToEnd
from tests.documentation.pages import blocks, headings, section, text_of
from tests.doubles.runs import run_now

PAGE = text_of("docs/reports.md")
WORKED = section(PAGE, "## Worked reports")


class Bookkeeping:
    """A mirrored company: its ledger at Stripe, and what is exported."""

    def __init__(self, stripe: StandIn, backend: Backend, cloud: Cloud, folder: Path) -> None:
        self.stripe = stripe
        self.backend = backend
        self.cloud = cloud
        self.folder = folder

    def ledger(self) -> Ledger:
        usage = [
            (one.meter, one.customer, one.value, one.timestamp)
            for one in self.backend.account("", livemode=False).usage
        ]
        return Ledger(self.stripe, usage, datetime.now(UTC).date())

    def database(self, file_format: str) -> duckdb.DuckDBPyConnection:
        """What the page's own Python makes of an export."""
        out = self.folder / file_format
        if not out.exists():
            result = run_command(self.cloud, "export", "--format", file_format, "--out", str(out))
            assert result.exit_code == 0, result.output
        (code,) = (block for block in blocks(PAGE, "python") if "duckdb" in block)
        names: dict[str, duckdb.DuckDBPyConnection] = {}
        exec(code.replace('Path("export")', f"Path({str(out)!r})"), names)  # noqa: S102 - the page's own
        return names["database"]


@pytest.fixture(scope="module")
def bookkeeping(local_aws: MiniStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookkeeping]:
    cloud, backend = Cloud(local_aws.endpoint, Function()), Backend([KEY])
    with server.running(backend) as listening:
        stripe = StandIn(listening.api_base)
        company = Company(stripe, int(time.time()))
        company.set_up()
        asyncio.run(mirror(company, EndToEnd(backend, stripe, cloud.dynamodb, cloud.table, [])))
        cloud.pin()
        yield Bookkeeping(stripe, backend, cloud, tmp_path_factory.mktemp("exports"))


async def mirror(company: Company, flows: EndToEnd) -> None:
    """Every event through ingest and process; then every type through verify, and usage by its sweep."""
    flows.clock.advance(time.time() - flows.clock.now())
    await flows.deliver(*(event["id"] for event in flows.events()))
    company.drop_a_rate()
    dependencies = flows.flows.reconcile_dependencies
    for object_type in catalog.RECONCILED_TYPES:
        run = await run_now(object_type, dependencies)
        assert run.status in (Status.COMPLETE, Status.UNAVAILABLE), run.reason
    await flows.flows.work()
    swept = await run_now(catalog.USAGE, dependencies, job=Job.USAGE)
    assert swept.status is Status.COMPLETE, swept.reason


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_equals_the_ledger(name: str, file_format: str, bookkeeping: Bookkeeping) -> None:
    (sql,) = blocks(section(PAGE, f"### {name}"), "sql")
    database = bookkeeping.database(file_format)
    before, found, after = bookkeeping.ledger(), database.execute(sql).fetchall(), bookkeeping.ledger()
    if before.today != after.today:  # midnight
        found = database.execute(sql).fetchall()
    expected = REPORTS[name](after)
    if file_format == "csv":  # whose lines do not break
        expected = [tuple(one.replace("\n", " ") if isinstance(one, str) else one for one in row) for row in expected]
    assert ordered(comparable(found)) == ordered(comparable(expected))
    assert len(found) >= 2, "the company has too little to tell"


def comparable(rows: Figures) -> Figures:
    """Numbers of equal value are equal, whatever their type; no figure may be a float."""
    assert not any(isinstance(value, float) for row in rows for value in row)
    return [
        tuple(Decimal(value).normalize() if isinstance(value, int | Decimal) else value for value in row)
        for row in rows
    ]


def test_every_report_of_the_page_is_compared() -> None:
    assert headings(WORKED) == [*REPORTS]
    assert len(blocks(WORKED, "sql")) == len(REPORTS) >= 10


@pytest.mark.parametrize("number", [0, 1], ids=["parquet", "csv"])
def test_the_tables_for_athena_have_the_columns_of_an_export(number: int, bookkeeping: Bookkeeping) -> None:
    ddl = blocks(section(PAGE, "## Athena"), "sql")[number]
    named = re.findall(r"`(\w+)` string", ddl)
    database = bookkeeping.database("csv" if number else "parquet")
    exported = [row[0] for row in database.execute("DESCRIBE invoice").fetchall()]
    if number:
        assert named == exported[: len(named)]
    else:
        assert set(named) <= set(exported)
    assert named[:12] == exported[:12]
