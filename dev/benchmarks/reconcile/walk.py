"""What does one run of reconcile over all objects cost, with a mirror that equals Stripe?"""

import tempfile
import time
from pathlib import Path

import billing_mirror.wiring.refresh  # noqa: F401 - a function has it in memory too
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.core.runs.run import Job, Run
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring.event_loop import runner
from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.dynamodb_client import read_heads
from dev.benchmarks.reconcile.ports import AgreeingMirror, FileStateStore, NoQueue, stripe_api
from dev.benchmarks.reconcile.synthetic_data import SUBSCRIPTION

FOREVER = 86_400.0
"""Seconds."""
ENOUGH_HEADS = 20_000
"""Heads after which the time of DynamoDB's client for each is known."""


def main() -> None:
    given = isolated_process.given()
    with tempfile.TemporaryDirectory() as folder, runner() as loop:
        mirror = AgreeingMirror(given["objects"])
        ports = Ports(SystemClock(), mirror, stripe_api(given["api_base"]), NoQueue())
        dependencies = ReconcileDependencies(
            ports, FileStateStore(Path(folder) / "state"), Schedule(), owner="benchmark"
        )
        started, started_at = time.monotonic(), time.process_time()
        run = loop.run(_run(dependencies))
        spent = time.process_time() - started_at
        seconds, peak = time.monotonic() - started, isolated_process.peak_mib()
        mirrors = mirror.seconds + loop.run(_seconds_to_list_all(mirror, dependencies))
    heads = min(given["objects"], ENOUGH_HEADS)
    isolated_process.report(
        status=run.status,
        reason=run.reason,
        pages=run.counts.pages,
        stripe_calls=run.counts.stripe_calls,
        compared=run.counts.compared,
        equal=run.counts.equal,
        peak_mib=peak,
        cpu_seconds=spent - mirrors,
        mirror_cpu_seconds=mirrors,
        dynamodb_cpu_seconds=read_heads(heads) * given["objects"] / heads,
        seconds=seconds,
    )


async def _run(dependencies: ReconcileDependencies) -> Run:
    run = await start_run(SUBSCRIPTION.name, Job.VERIFY, None, dependencies)
    return await execute_job(run, dependencies, until=dependencies.ports.clock.now() + FOREVER)


async def _seconds_to_list_all(mirror: AgreeingMirror, dependencies: ReconcileDependencies) -> float:
    """The processor time of listing the mirror's index, which is no work of reconcile."""
    started_at = time.thread_time()
    async for _ in mirror.ids(dependencies.scope, SUBSCRIPTION.name):
        pass
    return time.thread_time() - started_at


if __name__ == "__main__":
    main()
