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
from billing_mirror.adapters.state_store import DynamoJournal
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.schedule import HOUR, Schedule
from billing_mirror.reconcile.backfill import WRITES_AT_ONCE
from billing_mirror.reconcile.dependencies import Watch
from billing_mirror.reconcile.runs.lifecycle import begun
from billing_mirror.reconcile.verify import reconcile
from billing_mirror.refresh.apply import World
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
    world = World(SystemClock(), DynamoMirror(client, mirrored), stripe_api(given["api_base"]), NoQueue())
    watch = Watch(world, DynamoJournal(client, mirrored), Schedule(), owner="benchmark")
    with runner() as loop:
        run = loop.run(begun(ROW.name, Job.BACKFILL, None, watch))
        turns = list(_turns(run, watch, loop, client, raw, given))
        loop.run(reconcile(ROW, run, watch, until=watch.world.clock.now() + HOUR))
        held = loop.run(_held(watch))
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
    run: Run, watch: Watch, loop: asyncio.Runner, client: DynamoDBClient, raw: str, given: fresh.Figures
) -> Iterator[dict[str, float]]:
    """Fills for some seconds, and then writes as many items into the other table, until all are filled."""
    written = 0
    while run.status is Status.RUNNING and written < given["objects"]:
        began = time.monotonic()
        loop.run(reconcile(ROW, run, watch, until=watch.world.clock.now() + given["turn_seconds"]))
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


async def _held(watch: Watch) -> int:
    """Objects that the mirror's index names."""
    return len([one async for one in watch.world.mirror.ids(SCOPE, ROW.name)])


if __name__ == "__main__":
    main()
