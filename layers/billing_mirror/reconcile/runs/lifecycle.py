"""The life of a run: started, executed tick by tick, completed, failed or abandoned."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from billing_mirror.core.errors import (
    ListUnavailable,
    NotFound,
    PermanentError,
    PermissionDenied,
    RunConflict,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.reconcile.dependencies import ReconcileDependencies

from . import records
from .active_run import ActiveRun

Work: TypeAlias = Callable[[ActiveRun], Awaitable[None]]
MAX_FAILURES = 36
"""Ticks in a row that met an error and got no further, after which a run fails: three hours of the default rate."""
OUT_OF_TIME = "out of time; the next tick continues"


async def start_run(
    name: str, job: Job, last: Run | None, dependencies: ReconcileDependencies, *, deletions_confirmed: bool = False
) -> Run:
    """Stores a new run after the last one. From now on, ticks work on it until it ends."""
    now = dependencies.ports.clock.now()
    # Runs are ordered by their starts, also when this container's clock is behind the last one's.
    started_at = max(now, last.started_at + records.TIME_RESOLUTION) if last else now
    run = Run(
        name,
        job,
        started_at=started_at,
        updated_at=now,
        watermark=last.watermark if last else "",
        last_verified_at=last.verified_at if last else now,
        started_empty=job is Job.BACKFILL and await _is_empty(name, dependencies),
        deletions_confirmed=deletions_confirmed,
    )
    await records.save_new(run, dependencies)
    return run


async def _is_empty(name: str, dependencies: ReconcileDependencies) -> bool:
    """Whether the mirror holds nothing of a type. An object that the index does not show yet was just fetched."""
    return await anext(dependencies.ports.mirror.ids(dependencies.scope, name), None) is None


async def abandon_run(run: Run, reason: str, dependencies: ReconcileDependencies) -> bool:
    """Ends a run; no tick resumes it, and a tick that works on it can no longer store its record.

    False where the record has changed since it was read: the run may have ended.
    """
    run.status, run.reason, run.finished_at = Status.FAILED, reason, dependencies.ports.clock.now()
    return await records.save_over_read(run, dependencies)


async def execute(record: Run, work: Work, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Works on a run until its end, or until a time (seconds since 1970), and stores its record."""
    now = dependencies.ports.clock.now()
    run = ActiveRun(record, dependencies)
    record.reason = ""
    pages_before = record.counts.pages
    try:
        async with asyncio.timeout(max(0.0, until - now)):
            if dependencies.account is not None:
                await dependencies.account.confirm()
            await run.resume()
            await work(run)
            await run.recount_drifts()
        record.status = Status.COMPLETE
    except TimeoutError:
        run.checkpoints.roll_back_counts()
        record.reason = OUT_OF_TIME
    except RunConflict as error:
        record.reason = str(error)
        return record
    except Exception as error:  # noqa: BLE001 - one type's failure must not keep the others from their runs
        record.status, record.reason = _status_after(error)
        if record.status is Status.RUNNING:
            run.checkpoints.roll_back_counts()
            if record.counts.pages > pages_before:
                record.failures = 0
            elif record.failures + 1 >= MAX_FAILURES and not isinstance(error, Unauthorized):
                record.status = Status.FAILED
    record.failures = record.failures + 1 if record.reason and record.reason != OUT_OF_TIME else 0
    record.finished_at = dependencies.ports.clock.now() if record.status is not Status.RUNNING else 0.0
    await _save_record(run)
    return record


async def _save_record(run: ActiveRun) -> None:
    """Stores the record; where that fails, the run keeps running, and the next tick resumes it."""
    try:
        await run.save_record()
    except Exception as error:  # noqa: BLE001 - a record that the table rejects must not stop the other runs
        record = run.record
        record.status, record.finished_at = Status.RUNNING, 0.0
        known = isinstance(error, TransientError | RunConflict)
        cause = str(error) if known else f"unforeseen {type(error).__name__}"
        record.reason = record.reason or f"the record was not stored: {cause}"


def _status_after(error: Exception) -> tuple[Status, str]:
    """The status of a run that has met an error, and the reason."""
    match error:
        case TransientError() | NotFound():
            return Status.RUNNING, str(error)
        case ListUnavailable():
            return Status.UNAVAILABLE, str(error)
        case PermissionDenied():
            return Status.UNAUTHORIZED, str(error)
        case Unauthorized():
            return Status.RUNNING, str(error)  # as soon as the key is corrected, the next tick can use it
        case PermanentError():
            return Status.FAILED, str(error)
        case _:
            return Status.FAILED, f"unforeseen {type(error).__name__}"
