"""Runs of reconcile over one type, as an operator would request them, and their evidence."""

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.runs.run import Drift, Job, Run
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run


async def run_now(
    object_type: ObjectType, dependencies: ReconcileDependencies, *, job: Job = Job.VERIFY, seconds: float = 600.0
) -> Run:
    """A new run over a type, or the stopped run resumed."""
    last = await last_run(object_type.name, dependencies)
    going_on = last is not None and not last.finished_at
    run = last if last is not None and going_on else await start_run(object_type.name, job, last, dependencies)
    return await execute_job(run, dependencies, until=dependencies.ports.clock.now() + seconds)


async def drifts(run: Run, dependencies: ReconcileDependencies) -> list[Drift]:
    """The evidence of a run."""
    found = dependencies.state_store.entries(dependencies.scope, f"drift:{run.type}", run.name)
    return [Drift.from_item(entry) async for entry in found]
