"""A tick of the schedule: whatever is due, one job after the other, for as long as there is time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import TransientError
from billing_mirror.core.run import Counts, Job, Run, Status
from billing_mirror.core.schedule import EVENTS, events_due_at, next_job

from .dependencies import ReconcileDependencies
from .recover import recover
from .runs.lifecycle import OUT_OF_TIME, abandon_run, last_run, start_run
from .usage.sweep import sweep_usage
from .verify import verify

SHORTEST = 30.0
"""Seconds that a job is worked on at least before another one has its turn."""


@dataclass(slots=True)
class WorkedRun:
    """A run, and what was counted of it this time."""

    run: Run
    counts: Counts


@dataclass(slots=True)
class TickReport:
    """What was done, and the last runs of all names. Not ``leased``: somebody else was at work."""

    leased: bool = True
    worked: list[WorkedRun] = field(default_factory=list)
    last: dict[str, Run] = field(default_factory=dict)


async def tick(dependencies: ReconcileDependencies, *, deadline: float) -> TickReport:
    """Works on what is due until then (seconds since 1970)."""
    async with _leased(dependencies) as leased:
        if not leased:
            return TickReport(leased=False)
        report = TickReport(last=await last_runs(dependencies))
        with suppress(TransientError):  # the table is down: the next tick finds everything as it is
            await _work_off(dependencies, deadline, report)
        return report


async def run_on_demand(
    wishes: Sequence[tuple[str, Job]], dependencies: ReconcileDependencies, *, deadline: float
) -> TickReport:
    """Begins runs, or goes on with those that have begun; what is not done by the deadline, ticks go on with."""
    report = TickReport()
    runs = []
    for name, job in wishes:
        if dependencies.scope.livemode and name in TYPES and TYPES[name].test_mode_only:
            continue  # there is no such thing
        runs.append(await _resume_or_start(name, job, dependencies))
    async with _leased(dependencies) as leased:
        report.leased = leased
        for run in runs if leased else ():
            if not await dependencies.lease():
                break  # it ran out, and a tick goes on with the others
            report.worked.append(await _work_on(run, dependencies, until=deadline))
    return report


async def _resume_or_start(name: str, job: Job, dependencies: ReconcileDependencies) -> Run:
    last = await last_run(name, dependencies)
    if last is None or last.status is not Status.RUNNING:
        return await start_run(name, job, last, dependencies)
    if last.job is job:
        return last
    if await abandon_run(last, f"somebody has asked for the job {job} instead", dependencies):
        return await start_run(name, job, last, dependencies)
    return await _resume_or_start(name, job, dependencies)  # it was worked on meanwhile, and may have ended


async def last_runs(dependencies: ReconcileDependencies) -> dict[str, Run]:
    """The last run of each name that has one."""
    found = {name: await last_run(name, dependencies) for name in dependencies.schedule.names}
    return {name: run for name, run in found.items() if run is not None}


async def _work_off(dependencies: ReconcileDependencies, deadline: float, report: TickReport) -> None:
    clock, livemode = dependencies.ports.clock, dependencies.scope.livemode
    without: frozenset[str] = frozenset()
    while clock.now() < deadline and await dependencies.lease():
        turn = next_job(report.last, clock.now(), dependencies.schedule, livemode=livemode, without=without)
        if turn is None:
            return
        last = await last_run(turn.name, dependencies)  # somebody may have asked for one meanwhile
        run = (
            last
            if last is not None and last.status is Status.RUNNING
            else await start_run(turn.name, turn.job, last, dependencies)
        )
        worked = await _work_on(
            run, dependencies, until=_until(turn.name, dependencies, deadline, report.last, without)
        )
        report.worked.append(worked)
        report.last[turn.name] = worked.run
        if worked.run.reason != OUT_OF_TIME:
            without |= {turn.name} if worked.run.reason or turn.name != EVENTS else set()


def _until(
    name: str, dependencies: ReconcileDependencies, deadline: float, last: Mapping[str, Run], without: frozenset[str]
) -> float:
    """Until the events have their turn again: what is lost must not wait for what is long."""
    now = dependencies.ports.clock.now()
    if name == EVENTS:
        return min(deadline, now + max(SHORTEST, (deadline - now) / 2))  # nor what is long for them
    if EVENTS in without:
        return deadline
    return min(deadline, max(events_due_at(last, dependencies.schedule), now + SHORTEST))


async def _work_on(run: Run, dependencies: ReconcileDependencies, *, until: float) -> WorkedRun:
    before = replace(run.counts)
    match run.job:
        case Job.RECOVER:
            run = await recover(run, dependencies, until=until)
        case Job.USAGE:
            run = await sweep_usage(run, dependencies, until=until)
        case Job.VERIFY | Job.BACKFILL:
            run = await verify(TYPES[run.type], run, dependencies, until=until)
    return WorkedRun(run, run.counts.since(before))


@asynccontextmanager
async def _leased(dependencies: ReconcileDependencies) -> AsyncIterator[bool]:
    leased = await dependencies.lease()
    try:
        yield leased
    finally:
        if leased:
            with suppress(TransientError):  # then it runs out
                await dependencies.state_store.release(dependencies.scope, dependencies.owner)
