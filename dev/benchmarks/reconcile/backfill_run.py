"""How fast are a backfill and plain writes of as many items when they alternate?"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import HOUR, Schedule
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring.event_loop import runner
from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.ports import NoQueue, stripe_api
from dev.benchmarks.reconcile.seed import SCOPE, attributes, store_cadences
from dev.benchmarks.reconcile.synthetic_data import PLAIN_WRITES_AT_ONCE, SUBSCRIPTION
from tests.contract.tables import create_table


def main() -> None:
    given = isolated_process.given()
    client: DynamoDBClient = boto3.client("dynamodb", endpoint_url=given["endpoint"], config=QUICK)
    mirrored, raw = create_table(client), create_table(client)
    store_cadences(client, mirrored)
    ports = Ports(SystemClock(), DynamoMirror(client, mirrored), stripe_api(given["api_base"]), NoQueue())
    dependencies = ReconcileDependencies(ports, DynamoStateStore(client, mirrored), Schedule(), owner="benchmark")
    with runner() as loop:
        run = loop.run(start_run(SUBSCRIPTION.name, Job.BACKFILL, None, dependencies))
        intervals = list(_alternate(run, dependencies, loop, client, raw, given))
        loop.run(execute_job(run, dependencies, until=dependencies.ports.clock.now() + HOUR))
        held = loop.run(_started_here(dependencies))
    isolated_process.report(
        status=run.status,
        reason=run.reason,
        intervals=intervals,
        held=held,
        queued=run.counts.queued,
        stripe_calls=run.counts.stripe_calls,
        pages=run.counts.pages,
    )


def _alternate(
    run: Run,
    dependencies: ReconcileDependencies,
    loop: asyncio.Runner,
    client: DynamoDBClient,
    raw: str,
    given: isolated_process.Figures,
) -> Iterator[dict[str, float]]:
    """Backfills for some seconds, then writes as many items into the other table, until all are backfilled."""
    written = 0
    while run.status is Status.RUNNING and written < given["objects"]:
        started_at = time.monotonic()
        loop.run(execute_job(run, dependencies, until=dependencies.ports.clock.now() + given["interval_seconds"]))
        backfilled, spent = run.counts.compared - written, time.monotonic() - started_at
        if backfilled:
            again = _write_again(range(written, written + backfilled), client, raw)
            yield {
                "objects": backfilled,
                "backfilled_per_second": backfilled / spent,
                "written_per_second": backfilled / again,
            }
        written += backfilled


def _write_again(numbers: range, client: DynamoDBClient, table: str) -> float:
    """Seconds for plain writes of the items that a backfill writes."""
    prepared = [attributes(number) for number in numbers]
    with ThreadPoolExecutor(PLAIN_WRITES_AT_ONCE) as pool:
        started_at = time.monotonic()
        for _ in pool.map(lambda one: client.put_item(TableName=table, Item=one), prepared):
            pass
        return time.monotonic() - started_at


async def _started_here(dependencies: ReconcileDependencies) -> int:
    """The number of objects in the mirror's index."""
    return len([one async for one in dependencies.ports.mirror.ids(SCOPE, SUBSCRIPTION.name)])


if __name__ == "__main__":
    main()
