"""A backfill in turns with plain writes of as many items as it has just written, by as many threads."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.dynamodb import DynamoMirror
from billing_mirror.adapters.state_store import DynamoStateStore
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.schedule import HOUR, Schedule
from billing_mirror.ports import Ports
from billing_mirror.reconcile.backfill import WRITES_AT_ONCE
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring import runner
from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.ports import NoQueue, stripe_api
from dev.benchmarks.seed import SCOPE, attributes, keep_cadences
from dev.benchmarks.synthetic_data import ROW
from tests.contract.tables import create_table


def main() -> None:
    given = fresh.given()
    client: DynamoDBClient = boto3.client("dynamodb", endpoint_url=given["endpoint"], config=QUICK)
    mirrored, raw = create_table(client), create_table(client)
    keep_cadences(client, mirrored)
    ports = Ports(SystemClock(), DynamoMirror(client, mirrored), stripe_api(given["api_base"]), NoQueue())
    dependencies = ReconcileDependencies(ports, DynamoStateStore(client, mirrored), Schedule(), owner="benchmark")
    with runner() as loop:
        run = loop.run(start_run(ROW.name, Job.BACKFILL, None, dependencies))
        turns = list(_turns(run, dependencies, loop, client, raw, given))
        loop.run(execute_job(run, dependencies, until=dependencies.ports.clock.now() + HOUR))
        held = loop.run(_held(dependencies))
    fresh.tell(
        status=run.status,
        reason=run.reason,
        turns=turns,
        held=held,
        queued=run.counts.queued,
        stripe_calls=run.counts.stripe_calls,
        pages=run.counts.pages,
    )


def _turns(
    run: Run,
    dependencies: ReconcileDependencies,
    loop: asyncio.Runner,
    client: DynamoDBClient,
    raw: str,
    given: fresh.Figures,
) -> Iterator[dict[str, float]]:
    """Fills for some seconds, and then writes as many items into the other table, until all are filled."""
    written = 0
    while run.status is Status.RUNNING and written < given["objects"]:
        began = time.monotonic()
        loop.run(execute_job(run, dependencies, until=dependencies.ports.clock.now() + given["turn_seconds"]))
        filled, spent = run.counts.compared - written, time.monotonic() - began
        if filled:
            again = _write_again(range(written, written + filled), client, raw)
            yield {"objects": filled, "filled_per_second": filled / spent, "written_per_second": filled / again}
        written += filled


def _write_again(numbers: range, client: DynamoDBClient, table: str) -> float:
    """Seconds for plain writes of what a backfill would have written."""
    prepared = [attributes(number) for number in numbers]
    with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
        began = time.monotonic()
        for _ in pool.map(lambda one: client.put_item(TableName=table, Item=one), prepared):
            pass
        return time.monotonic() - began


async def _held(dependencies: ReconcileDependencies) -> int:
    """Objects that the mirror's index names."""
    return len([one async for one in dependencies.ports.mirror.ids(SCOPE, ROW.name)])


if __name__ == "__main__":
    main()
