"""One run of reconcile over the whole crowd, beside a mirror that agrees: only its own work is measured."""

import tempfile
import time
from pathlib import Path

import billing_mirror.wiring  # noqa: F401 - what a function has in memory besides its flow
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.core.run import Job, Run
from billing_mirror.core.schedule import Schedule
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring import runner
from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.ports import AgreeingMirror, FileJournal, NoQueue, stripe_api
from dev.benchmarks.synthetic_data import ROW

FOREVER = 86_400.0
"""Seconds."""


def main() -> None:
    given = fresh.given()
    with tempfile.TemporaryDirectory() as folder, runner() as loop:
        mirror = AgreeingMirror(given["objects"])
        ports = Ports(SystemClock(), mirror, stripe_api(given["api_base"]), NoQueue())
        dependencies = ReconcileDependencies(
            ports, FileJournal(Path(folder) / "journal"), Schedule(), owner="benchmark"
        )
        started, began = time.monotonic(), time.process_time()
        run = loop.run(_run(dependencies))
        spent = time.process_time() - began
        seconds, peak = time.monotonic() - started, fresh.peak_mib()
        mirrors = mirror.seconds + loop.run(_seconds_to_name_all(mirror, dependencies))
    fresh.tell(
        status=run.status,
        reason=run.reason,
        pages=run.counts.pages,
        stripe_calls=run.counts.stripe_calls,
        compared=run.counts.compared,
        equal=run.counts.equal,
        peak_mib=peak,
        cpu_seconds=spent - mirrors,
        mirror_cpu_seconds=mirrors,
        seconds=seconds,
    )


async def _run(dependencies: ReconcileDependencies) -> Run:
    run = await start_run(ROW.name, Job.VERIFY, None, dependencies)
    return await execute_job(run, dependencies, until=dependencies.ports.clock.now() + FOREVER)


async def _seconds_to_name_all(mirror: AgreeingMirror, dependencies: ReconcileDependencies) -> float:
    """What the mirror's index takes that does not exist: the same once more, with nobody looking."""
    began = time.thread_time()
    async for _ in mirror.ids(dependencies.scope, ROW.name):
        pass
    return time.thread_time() - began


if __name__ == "__main__":
    main()
