"""A tick of the schedule: whatever is due, one job after the other, for as long as there is time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import Retryable
from billing_mirror.core.run import Counts, Job, Run, Status
from billing_mirror.core.schedule import EVENTS, events_due_at, next_turn

from .dependencies import Watch
from .recover import recover
from .runs.lifecycle import OUT_OF_TIME, begun, given_up, last_run
from .usage.sweep import sweep_usage
from .verify import reconcile

SHORTEST = 30.0
"""Seconds that a job is worked on at least before another one has its turn."""


@dataclass(slots=True)
class Worked:
    """A run, and what was counted of it this time."""

    run: Run
    counts: Counts


@dataclass(slots=True)
class Report:
    """What was done, and the last runs of all names. Not ``leased``: somebody else was at work."""

    leased: bool = True
    worked: list[Worked] = field(default_factory=list)
    last: dict[str, Run] = field(default_factory=dict)


async def tick(watch: Watch, *, deadline: float) -> Report:
    """Works on what is due until then (seconds since 1970)."""
    async with _leased(watch) as leased:
        if not leased:
            return Report(leased=False)
        report = Report(last=await last_runs(watch))
        with suppress(Retryable):  # the table is down: the next tick finds everything as it is
            await _work_off(watch, deadline, report)
        return report


async def asked(wishes: Sequence[tuple[str, Job]], watch: Watch, *, deadline: float) -> Report:
    """Begins runs, or goes on with those that have begun; what is not done by the deadline, ticks go on with."""
    report = Report()
    runs = []
    for name, job in wishes:
        if watch.scope.livemode and name in TYPES and TYPES[name].test_mode_only:
            continue  # there is no such thing
        runs.append(await _wanted(name, job, watch))
    async with _leased(watch) as leased:
        report.leased = leased
        for run in runs if leased else ():
            if not await watch.lease():
                break  # it ran out, and a tick goes on with the others
            report.worked.append(await _worked(run, watch, until=deadline))
    return report


async def _wanted(name: str, job: Job, watch: Watch) -> Run:
    last = await last_run(name, watch)
    if last is None or last.status is not Status.RUNNING:
        return await begun(name, job, last, watch)
    if last.job is job:
        return last
    if await given_up(last, f"somebody has asked for the job {job} instead", watch):
        return await begun(name, job, last, watch)
    return await _wanted(name, job, watch)  # it was worked on meanwhile, and may have ended


async def last_runs(watch: Watch) -> dict[str, Run]:
    """The last run of each name that has one."""
    found = {name: await last_run(name, watch) for name in watch.schedule.names}
    return {name: run for name, run in found.items() if run is not None}


async def _work_off(watch: Watch, deadline: float, report: Report) -> None:
    clock, livemode = watch.world.clock, watch.scope.livemode
    without: frozenset[str] = frozenset()
    while clock.now() < deadline and await watch.lease():
        turn = next_turn(report.last, clock.now(), watch.schedule, livemode=livemode, without=without)
        if turn is None:
            return
        last = await last_run(turn.name, watch)  # somebody may have asked for one meanwhile
        run = (
            last
            if last is not None and last.status is Status.RUNNING
            else await begun(turn.name, turn.job, last, watch)
        )
        worked = await _worked(run, watch, until=_until(turn.name, watch, deadline, report.last, without))
        report.worked.append(worked)
        report.last[turn.name] = worked.run
        if worked.run.reason != OUT_OF_TIME:
            without |= {turn.name} if worked.run.reason or turn.name != EVENTS else set()


def _until(name: str, watch: Watch, deadline: float, last: Mapping[str, Run], without: frozenset[str]) -> float:
    """Until the events have their turn again: what is lost must not wait for what is long."""
    now = watch.world.clock.now()
    if name == EVENTS:
        return min(deadline, now + max(SHORTEST, (deadline - now) / 2))  # nor what is long for them
    if EVENTS in without:
        return deadline
    return min(deadline, max(events_due_at(last, watch.schedule), now + SHORTEST))


async def _worked(run: Run, watch: Watch, *, until: float) -> Worked:
    before = replace(run.counts)
    match run.job:
        case Job.EVENTS:
            run = await recover(run, watch, until=until)
        case Job.USAGE:
            run = await sweep_usage(run, watch, until=until)
        case Job.OBJECTS | Job.BACKFILL:
            run = await reconcile(TYPES[run.type], run, watch, until=until)
    return Worked(run, run.counts.since(before))


@asynccontextmanager
async def _leased(watch: Watch) -> AsyncIterator[bool]:
    leased = await watch.lease()
    try:
        yield leased
    finally:
        if leased:
            with suppress(Retryable):  # then it runs out
                await watch.journal.release(watch.scope, watch.owner)
