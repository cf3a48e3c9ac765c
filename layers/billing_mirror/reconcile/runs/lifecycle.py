"""The life of a run: started, executed tick by tick, completed, failed or abandoned."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from billing_mirror.core.errors import (
    AccessRevoked,
    ListRefused,
    ListUnavailable,
    NotFound,
    PermanentError,
    PermissionDenied,
    RunConflict,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.runs.deep_sample import SLOTS
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.reconcile.dependencies import ReconcileDependencies

from . import records
from .active_run import ActiveRun

Work: TypeAlias = Callable[[ActiveRun], Awaitable[None]]
MAX_FAILURES = 36
"""Ticks in a row that met an error and got no further, after which a run fails: three hours of the default rate."""


async def start_run(
    name: str,
    job: Job,
    last: Run | None,
    dependencies: ReconcileDependencies,
    *,
    deletions_confirmed: bool = False,
    until_now: bool = False,
    since: float = 0.0,
    deep: bool = False,
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
        until_now=until_now,
        since=since,
        expected=last.expected_next if last else 0,
        deep_percent=0 if job is not Job.VERIFY else SLOTS if deep else dependencies.deep_verify_percent,
        deep_from=last.next_deep_slot if last else 0,
        wants_filter_since=last.wants_filter_since if last else 0.0,
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
    run.end(Status.FAILED, reason, dependencies.ports.clock.now())
    return await records.save_over_read(run, dependencies)


async def execute(record: Run, work: Work, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Works on a run until its end, or until a time (seconds since 1970), and stores its record."""
    clock = dependencies.ports.clock
    run = ActiveRun(record, dependencies)
    pages_before = record.counts.pages
    record.begin_tick()
    try:
        async with asyncio.timeout(max(0.0, until - clock.now())):
            if dependencies.account is not None:
                await dependencies.account.confirm()
            await run.resume()
            await work(run)
            await run.recount_drifts()
        record.complete_at(clock.now())
    except TimeoutError:
        run.checkpoints.roll_back_counts()
        record.pause()
    except RunConflict as error:
        record.hand_over(str(error))
        return record
    except Exception as error:  # noqa: BLE001 - one type's failure must not keep the others from their runs
        _fail(run, error, pages_before, clock.now())
    await _save_record(run)
    return record


def _fail(run: ActiveRun, error: Exception, pages_before: int, now: float) -> None:
    """Ends a run that has met an error, or leaves it to the next tick."""
    record = run.record
    status, reason = _status_after(error)
    if status is Status.RUNNING:
        run.checkpoints.roll_back_counts()
    record.fail_tick(reason, got_further=record.counts.pages > pages_before)
    if record.failures >= MAX_FAILURES and not isinstance(error, Unauthorized):
        status = Status.FAILED
    if status is not Status.RUNNING:
        lacks_filter = isinstance(error, ListRefused) and error.lacks_filter
        record.wants_filter_since = (record.wants_filter_since or now) if lacks_filter else 0.0
        record.end(status, reason, now)


async def _save_record(run: ActiveRun) -> None:
    """Stores the record; where that fails, the run keeps running, and the next tick resumes it."""
    try:
        await run.save_record()
    except Exception as error:  # noqa: BLE001 - a record that the table rejects must not stop the other runs
        known = isinstance(error, TransientError | RunConflict)
        cause = str(error) if known else f"unforeseen {type(error).__name__}"
        run.record.reopen(f"the record was not stored: {cause}")


def _status_after(error: Exception) -> tuple[Status, str]:
    """The status of a run that has met an error, and the reason."""
    match error:
        case TransientError() | NotFound():
            return Status.RUNNING, str(error)
        case ListUnavailable():
            return Status.UNAVAILABLE, str(error)
        case AccessRevoked():
            return Status.REVOKED, str(error)
        case PermissionDenied():
            return Status.UNAUTHORIZED, str(error)
        case Unauthorized():
            return Status.RUNNING, str(error)  # as soon as the key is corrected, the next tick can use it
        case PermanentError():
            return Status.FAILED, str(error)
        case _:
            return Status.FAILED, f"unforeseen {type(error).__name__}"
