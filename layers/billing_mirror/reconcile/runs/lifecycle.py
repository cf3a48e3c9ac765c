"""Some time of work on a run, which ends by the clock and leaves a record."""

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
from billing_mirror.core.run import run as read_run
from billing_mirror.reconcile.dependencies import A_MOMENT, ReconcileDependencies

from .active_run import ActiveRun

Work: TypeAlias = Callable[[ActiveRun], Awaitable[None]]
OUT_OF_TIME = "it goes on at the next tick"


async def last_run(name: str, dependencies: ReconcileDependencies) -> Run | None:
    """The last run of a name."""
    entry = await dependencies.state_store.last(dependencies.scope, f"run:{name}")
    return read_run(entry) if entry is not None else None


async def start_run(name: str, job: Job, last: Run | None, dependencies: ReconcileDependencies) -> Run:
    """A new run after the last one, recorded: from now on ticks go on with it until it has ended."""
    now = dependencies.ports.clock.now()
    # Runs are in the order of their starts, also when the clock of this container is behind that of the last one.
    started_at = max(now, last.started_at + A_MOMENT) if last else now
    run = Run(
        name,
        job,
        started_at=started_at,
        updated_at=now,
        watermark=last.watermark if last else "",
        last_verified_at=last.verified_at if last else now,
        started_empty=job is Job.BACKFILL and await _is_empty(name, dependencies),
    )
    await dependencies.state_store.write(dependencies.scope, f"run:{name}", run.name, run.to_item())
    return run


async def _is_empty(name: str, dependencies: ReconcileDependencies) -> bool:
    """Whether the mirror has nothing of a type. What its index does not show yet, was fetched a moment ago."""
    return await anext(dependencies.ports.mirror.ids(dependencies.scope, name), None) is None


async def abandon_run(run: Run, reason: str, dependencies: ReconcileDependencies) -> bool:
    """Records that nobody goes on with a run; whoever works on it now, can record nothing any more.

    False where somebody has recorded something since the run was read: it may have come to its end.
    """
    run.status, run.reason, run.finished_at = Status.FAILED, reason, dependencies.ports.clock.now()
    return await dependencies.record(run)


async def execute(run: Run, work: Work, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Works on a run. Ends by ``until`` (seconds since 1970), with the run at its end or not."""
    now = dependencies.ports.clock.now()
    round_ = ActiveRun(run, dependencies)
    run.reason = ""
    try:
        async with asyncio.timeout(max(0.0, until - now)):
            await round_.go_on()
            await work(round_)
            await round_.recount()
        run.status = Status.COMPLETE
    except TimeoutError:
        round_.cut_off()
        run.reason = OUT_OF_TIME
    except RunConflict as error:
        run.reason = str(error)
        return run
    except Exception as error:  # noqa: BLE001 - one type's failure must not keep the others from their runs
        run.status, run.reason = _judged(error)
        if run.status is Status.RUNNING:
            round_.cut_off()
    run.failures = run.failures + 1 if run.reason and run.reason != OUT_OF_TIME else 0
    run.finished_at = dependencies.ports.clock.now() if run.status is not Status.RUNNING else 0.0
    try:
        await round_.record()
    except Exception as error:  # noqa: BLE001 - and neither must a record that the table does not take
        run.status, run.finished_at = Status.RUNNING, 0.0
        said = str(error) if isinstance(error, TransientError | RunConflict) else f"unforeseen {type(error).__name__}"
        run.reason = run.reason or f"the record could not be kept: {said}"
    return run


def _judged(error: Exception) -> tuple[Status, str]:
    """What becomes of a run that has met an error, and why."""
    match error:
        case TransientError() | NotFound():
            return Status.RUNNING, str(error)
        case ListUnavailable():
            return Status.UNAVAILABLE, str(error)
        case PermissionDenied():
            return Status.UNAUTHORIZED, str(error)
        case Unauthorized():
            return Status.RUNNING, str(error)  # a key that is put right is good for the next tick
        case PermanentError():
            return Status.FAILED, str(error)
        case _:
            return Status.FAILED, f"unforeseen {type(error).__name__}"
