"""The work of each job."""

from functools import partial

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.runs.run import Job, Run

from ..dependencies import ReconcileDependencies
from ..runs.lifecycle import Work, execute
from ..usage.sweep import sweep_usage
from .recover import recover
from .verify import verify


async def execute_job(record: Run, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Works on a run until its end, or until a time (seconds since 1970)."""
    return await execute(record, _work(record, dependencies), dependencies, until=until)


def _work(record: Run, dependencies: ReconcileDependencies) -> Work:
    match record.job:
        case Job.RECOVER:
            return partial(recover, dependencies=dependencies)
        case Job.USAGE:
            return sweep_usage
        case Job.VERIFY | Job.BACKFILL:
            return partial(verify, TYPES[record.type])
