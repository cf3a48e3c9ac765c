"""A tick of the schedule: the due jobs, one after the other, for as long as there is time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import TransientError
from billing_mirror.core.runs.forgetting import ForgetRequest
from billing_mirror.core.runs.objects_request import ObjectsRequest
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import RECOVER, DueJob, events_due_at, next_job

from .connected import erase_in_all, tick_accounts
from .dependencies import ReconcileDependencies
from .jobs.dry_run import dry_run_dependencies, recorded_differences
from .jobs.forget import forget
from .jobs.refresh_objects import refresh_objects
from .jobs.unstorable import tend_notes
from .jobs.work import execute_job
from .report import ForgetReport, NotedObjects, ObjectsReport, TickReport
from .runs.lease import Lease
from .runs.lifecycle import abandon_run, start_run
from .runs.records import last_run, last_runs
from .runs.worked_run import WorkedRun

MIN_SECONDS_PER_JOB = 30.0
"""Seconds that a tick works on a job at least, before the next job."""


async def reconcile(
    request: RunRequest | ObjectsRequest | ForgetRequest | None,
    dependencies: ReconcileDependencies,
    *,
    deadline: float,
) -> TickReport | ObjectsReport | ForgetReport:
    """Works until a deadline (seconds since 1970) on what is requested; without a request, on what is due."""
    match request:
        case None:
            return await tick(dependencies, deadline=deadline)
        case ObjectsRequest(refs):
            return ObjectsReport(await refresh_objects(refs, dependencies, deadline=deadline))
        case ForgetRequest():
            return ForgetReport(await forget(request, dependencies.within(request.context), deadline=deadline))
        case RunRequest():
            start = _dry_run if request.dry_run else run_on_demand
            return await start(request, dependencies.within(request.context), deadline=deadline)


async def tick(dependencies: ReconcileDependencies, *, deadline: float) -> TickReport:
    """Works on what is due until a deadline (seconds since 1970), in all accounts."""
    async with _leased(dependencies) as (lease, leased):
        if not leased:
            return TickReport(leased=False)
        with suppress(TransientError):  # the next tick erases what is left
            until = min(deadline, dependencies.ports.clock.now() + MIN_SECONDS_PER_JOB)
            await erase_in_all(dependencies, deadline=until)
        return await tick_accounts(dependencies, partial(_tick_account, lease), deadline=deadline)


async def _tick_account(lease: Lease, dependencies: ReconcileDependencies, deadline: float) -> TickReport:
    """Works on what is due in one account."""
    intervals = dependencies.schedule.intervals(livemode=dependencies.scope.livemode)
    report = TickReport(last=await last_runs(dependencies), intervals=intervals)
    with suppress(TransientError):  # the table is unavailable: the next tick finds everything as it is
        await _work_on_due_jobs(dependencies, lease, deadline, report)
    with suppress(TransientError):
        notes = await tend_notes(dependencies.ports.mirror, dependencies.scope)
        report.noted = NotedObjects.count(notes, dependencies.ports.clock.now())
    report.at = dependencies.ports.clock.now()
    return report


async def run_on_demand(request: RunRequest, dependencies: ReconcileDependencies, *, deadline: float) -> TickReport:
    """Starts runs, or resumes those that are running. Ticks finish what the deadline cuts off."""
    report = TickReport(on_demand=True)
    runs = []
    for name, job in request.jobs:
        if dependencies.scope.livemode and name in TYPES and TYPES[name].test_mode_only:
            continue  # the type does not exist in live mode
        runs.append(await _resume_or_start(name, job, request, dependencies))
    async with _leased(dependencies) as (lease, report.leased):
        for run in runs if report.leased else ():
            if not await lease.acquire():
                break  # the lease has expired, and a tick works on the remaining runs
            report.worked.append(await _work_on(run, dependencies, until=deadline))
    return report


async def _dry_run(request: RunRequest, dependencies: ReconcileDependencies, *, deadline: float) -> TickReport:
    """Finds differences and changes nothing: counts and evidence are only in the report."""
    dry = dry_run_dependencies(dependencies)
    report = await run_on_demand(request, dry, deadline=deadline)
    report.dry_run = True
    for worked in report.worked:
        worked.dry_run, worked.differences = True, recorded_differences(dry, worked.run.type)
    return report


async def _resume_or_start(name: str, job: Job, request: RunRequest, dependencies: ReconcileDependencies) -> Run:
    last, since = await last_run(name, dependencies), request.since
    if last is not None and last.status is Status.RUNNING:
        # The new run reads again what the running one was to read, too.
        since = min(filter(None, (last.since, since)), default=0.0)
        instead = _wanted_instead(last, job, request)
        if not instead:
            return last
        if not await abandon_run(last, f"{instead} requested instead", dependencies):
            # A tick has worked on it meanwhile, and may have ended it.
            return await _resume_or_start(name, job, request, dependencies)
    return await start_run(
        name,
        job,
        last,
        dependencies,
        deletions_confirmed=request.confirm_deletions,
        until_now=request.until_now,
        since=since,
        deep=request.deep,
    )


def _wanted_instead(running: Run, job: Job, request: RunRequest) -> str:
    """What a request wants that a running run does not do; empty where the run will do."""
    if running.job is not job:
        return f"the job {job} was"
    if request.confirm_deletions and not running.deletions_confirmed:
        return "confirmed deletions were"
    if request.deep and job is Job.VERIFY and not running.deep.is_whole:
        return "a deep verify was"
    if request.since and not 0.0 < running.since <= request.since:
        return "earlier events were"
    return "all events until now were" if request.until_now and not running.until_now else ""


async def _work_on_due_jobs(
    dependencies: ReconcileDependencies, lease: Lease, deadline: float, report: TickReport
) -> None:
    clock, livemode = dependencies.ports.clock, dependencies.scope.livemode
    done: frozenset[str] = frozenset()
    while clock.now() < deadline and await lease.acquire():
        due = next_job(report.last, clock.now(), dependencies.schedule, livemode=livemode, without=done)
        if due is None:
            return
        run = await _run_of(due, dependencies)
        worked = await _work_on(run, dependencies, until=_until(due.name, dependencies, deadline, report.last, done))
        report.worked.append(worked)
        report.last[due.name] = worked.run
        if worked.run.status is Status.REVOKED:
            return  # Stripe would refuse the other types of the account, too
        if _is_done(due.name, worked.run):
            done |= {due.name}


async def _run_of(due: DueJob, dependencies: ReconcileDependencies) -> Run:
    last = await last_run(due.name, dependencies)  # read again: a request may have started a run meanwhile
    if last is not None and last.status is Status.RUNNING:
        return last
    return await start_run(due.name, due.job, last, dependencies)


def _is_done(name: str, run: Run) -> bool:
    """Whether the tick has done all it can for a name. The recover job becomes due again within a tick."""
    if run.paused:
        return False
    return bool(run.reason) or name != RECOVER


def _until(
    name: str, dependencies: ReconcileDependencies, deadline: float, last: Mapping[str, Run], done: frozenset[str]
) -> float:
    """When the tick stops working on a job: lost events must not wait for a long run."""
    now = dependencies.ports.clock.now()
    if name == RECOVER:
        return min(deadline, now + max(MIN_SECONDS_PER_JOB, (deadline - now) / 2))  # nor a long run for recover
    if RECOVER in done:
        return deadline
    return min(deadline, max(events_due_at(last, dependencies.schedule), now + MIN_SECONDS_PER_JOB))


async def _work_on(run: Run, dependencies: ReconcileDependencies, *, until: float) -> WorkedRun:
    before = replace(run.counts)
    run = await execute_job(run, dependencies, until=until)
    return WorkedRun(run, run.counts.since(before), context=dependencies.context)


@asynccontextmanager
async def _leased(dependencies: ReconcileDependencies) -> AsyncIterator[tuple[Lease, bool]]:
    lease = Lease(dependencies)
    leased = await lease.acquire()
    try:
        yield lease, leased
    finally:
        if leased:
            with suppress(TransientError):  # then the lease expires
                await lease.release()
