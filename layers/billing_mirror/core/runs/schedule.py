"""Which job reconcile works on next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..catalog import RECONCILED_TYPES, USAGE, CompareInterval, ObjectType
from .run import Job, Run, Status

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
EARLY_SHARE = 0.1
"""The share of its interval by which a run may start early: some seconds pass between a tick and the run's start."""
MAX_EARLY = MINUTE
EVENTS_KEPT = 30 * DAY
"""Seconds for which Stripe lists an event: https://docs.stripe.com/api/v2/core/events"""
RECOVER = "recover"
"""The name of recover runs. Other runs have the name of their object type."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds from the start of a complete run to the start of the next run, and the types that have runs."""

    recover: float = 5 * MINUTE
    rate_card_subscriptions: float = HOUR
    activity: float = DAY
    configuration: float = 7 * DAY
    catalog: float = 7 * DAY
    usage: float | None = None
    """None when the usage sweep is off."""
    object_types: tuple[ObjectType, ...] = RECONCILED_TYPES

    @property
    def names(self) -> list[str]:
        """The names of all possible runs."""
        return [RECOVER, *(object_type.name for object_type in self.object_types), USAGE.name]

    def intervals(self, *, livemode: bool) -> Mapping[str, float]:
        """Seconds between two runs, by name."""
        return dict(_intervals(self, {}, livemode=livemode))

    def interval(self, compare_interval: CompareInterval) -> float:
        match compare_interval:
            case CompareInterval.RATE_CARD_SUBSCRIPTIONS:
                return self.rate_card_subscriptions
            case CompareInterval.ACTIVITY:
                return self.activity
            case CompareInterval.CONFIGURATION:
                return self.configuration
            case CompareInterval.CATALOG:
                return self.catalog


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that may be worked on now: a new run, or a run that is resumed."""

    name: str
    job: Job
    resumed: bool
    frequent: bool
    """Whether it is due hourly or more often: frequent jobs go before all others."""
    updated_at: float
    """When a tick last worked on a run of this name (seconds since 1970)."""
    failures: int


def next_job(
    runs: Mapping[str, Run], now: float, schedule: Schedule, *, livemode: bool, without: frozenset[str] = frozenset()
) -> DueJob | None:
    """The job to work on next, or None when nothing is due. ``runs`` are the last runs, by name.

    Events come first, then frequent jobs; of the remaining jobs, the one worked on longest ago is next. Types
    are backfilled one after the other, parents before children. All backfills together count as one job, so that
    backfilling and verifying cannot starve each other.
    """
    due = _due_jobs(runs, now, schedule, livemode=livemode, without=without)
    backfills = [one for one in due if one.job is Job.BACKFILL]
    candidates = [one for one in due if one.job is not Job.BACKFILL]
    if backfills:
        candidates.append(min(backfills, key=lambda one: one.failures))
    backfilled_at = max((run.updated_at for run in runs.values() if run.job is Job.BACKFILL), default=0.0)
    yields = _frequent_job_just_stopped(due, runs)

    def rank(one: DueJob) -> tuple[bool, bool, float]:
        first = one.frequent and not one.failures and not (one.resumed and yields)
        last_worked_at = backfilled_at if one.job is Job.BACKFILL else one.updated_at
        return not (first and one.name == RECOVER), not first, last_worked_at

    return min(candidates, key=rank, default=None)


def _due_jobs(
    runs: Mapping[str, Run], now: float, schedule: Schedule, *, livemode: bool, without: frozenset[str]
) -> list[DueJob]:
    return [
        due
        for name, interval in _intervals(schedule, runs, livemode=livemode)
        if name not in without and (due := _due_job(name, runs.get(name), interval, now)) is not None
    ]


def _frequent_job_just_stopped(due: Sequence[DueJob], runs: Mapping[str, Run]) -> bool:
    """Whether a frequent job was worked on last and did not finish: then another job is next."""
    latest = max((run.updated_at for run in runs.values()), default=0.0)
    return any(one.frequent and one.resumed and one.updated_at == latest for one in due)


def events_due_at(runs: Mapping[str, Run], schedule: Schedule) -> float:
    """When the recover job is due again (seconds since 1970)."""
    last = runs.get(RECOVER)
    return last.started_at + schedule.recover if last else 0.0


def _intervals(schedule: Schedule, runs: Mapping[str, Run], *, livemode: bool) -> Sequence[tuple[str, float]]:
    types = [object_type for object_type in schedule.object_types if not (object_type.test_mode_only and livemode)]
    on_demand = USAGE.name in runs and runs[USAGE.name].status is Status.RUNNING  # resumed also when the sweep is off
    usage = [(USAGE.name, schedule.usage or DAY)] if schedule.usage is not None or on_demand else []
    return [
        (RECOVER, schedule.recover),
        *((object_type.name, schedule.interval(object_type.interval)) for object_type in types),
        *usage,
    ]


def _due_job(name: str, last: Run | None, interval: float, now: float) -> DueJob | None:
    resumed = last is not None and last.status is Status.RUNNING
    if last is not None and not resumed:
        wanted = _interval_after(last, interval)
        if now - last.started_at < wanted - min(wanted * EARLY_SHARE, MAX_EARLY):
            return None
    job = last.job if last is not None and resumed else job_of_new_run(name, last)
    frequent = job is Job.RECOVER or (job is Job.VERIFY and interval <= HOUR)
    updated_at = last.updated_at if last else 0.0
    return DueJob(name, job, resumed, frequent, updated_at, last.failures if last else 0)


def job_of_new_run(name: str, last: Run | None) -> Job:
    """The job of a new run: a type is backfilled until one backfill was complete, and verified from then on."""
    if name == RECOVER:
        return Job.RECOVER
    if name == USAGE.name:
        return Job.USAGE
    backfilled = last is not None and (last.job is Job.VERIFY or last.complete)
    return Job.VERIFY if backfilled else Job.BACKFILL


def _interval_after(last: Run, interval: float) -> float:
    match last.status:
        case Status.UNAUTHORIZED | Status.UNAVAILABLE | Status.REVOKED:
            return max(interval, DAY)  # a person has to grant access first: hourly retries would only fail
        case Status.FAILED if last.wants_filter_since:
            return max(interval, DAY)  # only another release can send the filter
        case Status.FAILED:
            return min(interval, HOUR)
        case _:
            return min(interval, HOUR) if last.counts.open_differences else interval
