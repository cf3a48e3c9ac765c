"""Runs of reconcile over one type, as an operator would ask for them, and what they found."""

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.run import Drift, Job, Run, drift
from billing_mirror.reconcile.dependencies import Watch
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from billing_mirror.reconcile.verify import reconcile


async def passed(row: ObjectType, watch: Watch, *, job: Job = Job.OBJECTS, seconds: float = 600.0) -> Run:
    """A new run over a type, or what goes on of one that was stopped."""
    last = await last_run(row.name, watch)
    going_on = last is not None and not last.finished_at
    run = last if last is not None and going_on else await begun(row.name, job, last, watch)
    return await reconcile(row, run, watch, until=watch.world.clock.now() + seconds)


async def drifts(run: Run, watch: Watch) -> list[Drift]:
    """The evidence of a run."""
    found = watch.journal.entries(watch.scope, f"drift:{run.type}", run.name)
    return [drift(entry) async for entry in found]
