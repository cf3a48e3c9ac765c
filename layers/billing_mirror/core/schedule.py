"""Which job reconcile works on next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .catalog import RECONCILED_TYPES, USAGE, CompareInterval, ObjectType
from .run import Job, Run, Status

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
SLACK = 0.1
"""The part of a pause by which a run may be early: one starts some seconds after its tick, the next perhaps sooner."""
MOST_SLACK = MINUTE
EVENTS = "events"
"""The name of the events job, beside those of the types."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long after a complete run the next one begins, in seconds, and over which types there are runs."""

    recover: float = 5 * MINUTE
    rate_card_subscriptions: float = HOUR
    activity: float = DAY
    configuration: float = 7 * DAY
    catalog: float = 7 * DAY
    usage: float | None = None
    """None where usage is not swept."""
    object_types: tuple[ObjectType, ...] = RECONCILED_TYPES

    @property
    def names(self) -> list[str]:
        """The names of all runs that there may be."""
        return [EVENTS, *(object_type.name for object_type in self.object_types), USAGE.name]

    def interval(self, rhythm: CompareInterval) -> float:
        match rhythm:
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
    """A job that may be worked on now: a run that goes on, or a new one."""

    name: str
    job: Job
    resumed: bool
    quick: bool
    """Whether it is one of those that are due most often, and does not wait for others."""
    updated_at: float
    failures: int


def next_job(
    runs: Mapping[str, Run], now: float, schedule: Schedule, *, livemode: bool, without: frozenset[str] = frozenset()
) -> DueJob | None:
    """The job that is worked on next, or None when nothing is due. ``runs`` are the last ones, by name.

    Events come first, then what is due most often; of the rest, whatever was worked on longest ago. Types that are
    filled are filled one after the other, parents before children, and all of them together count as one of the rest:
    neither they nor the comparing of what is there can starve the other.
    """
    turns = [
        turn
        for name, pause in _intervals(schedule, runs, livemode=livemode)
        if name not in without and (turn := _due_job(name, runs.get(name), pause, now)) is not None
    ]
    fills = [turn for turn in turns if turn.job is Job.BACKFILL]
    filled_at = max((run.updated_at for run in runs.values() if run.job is Job.BACKFILL), default=0.0)
    rest = [(turn.updated_at, turn) for turn in turns if turn not in fills]
    if fills:
        rest.append((filled_at, min(fills, key=lambda turn: turn.failures)))
    if not rest:
        return None
    # What is quick and did not come to its end in its turn lets another one have the next.
    latest = max((run.updated_at for run in runs.values()), default=0.0)
    had_its_turn = any(turn.quick and turn.resumed and turn.updated_at == latest for turn in turns)

    def rank(one: tuple[float, DueJob]) -> tuple[bool, bool, float]:
        updated_at, turn = one
        first = turn.quick and not turn.failures and not (turn.resumed and had_its_turn)
        return not (first and turn.name == EVENTS), not first, updated_at

    return min(rest, key=rank)[1]


def events_due_at(runs: Mapping[str, Run], schedule: Schedule) -> float:
    """When the events job is due again, in seconds since 1970."""
    last = runs.get(EVENTS)
    return last.started_at + schedule.recover if last else 0.0


def _intervals(schedule: Schedule, runs: Mapping[str, Run], *, livemode: bool) -> Sequence[tuple[str, float]]:
    types = [object_type for object_type in schedule.object_types if not (object_type.test_mode_only and livemode)]
    asked_for = USAGE.name in runs and runs[USAGE.name].status is Status.RUNNING  # where no sweep is due by itself
    usage = [(USAGE.name, schedule.usage or DAY)] if schedule.usage is not None or asked_for else []
    return [
        (EVENTS, schedule.recover),
        *((object_type.name, schedule.interval(object_type.interval)) for object_type in types),
        *usage,
    ]


def _due_job(name: str, last: Run | None, pause: float, now: float) -> DueJob | None:
    going_on = last is not None and last.status is Status.RUNNING
    if last is not None and not going_on:
        wanted = _pause(last, pause)
        if now - last.started_at < wanted - min(wanted * SLACK, MOST_SLACK):
            return None
    job = last.job if last is not None and going_on else job_of_new_run(name, last)
    updated_at = last.updated_at if last else 0.0
    quick = job is Job.RECOVER or (job is Job.VERIFY and pause <= HOUR)
    return DueJob(name, job, going_on, quick, updated_at, last.failures if last else 0)


def job_of_new_run(name: str, last: Run | None) -> Job:
    """What a new run of a name does: a type is filled until that has been done once."""
    if name == EVENTS:
        return Job.RECOVER
    if name == USAGE.name:
        return Job.USAGE
    filled = last is not None and (last.job is Job.VERIFY or last.complete)
    return Job.VERIFY if filled else Job.BACKFILL


def _pause(last: Run, pause: float) -> float:
    match last.status:
        case Status.UNAUTHORIZED | Status.UNAVAILABLE:
            return max(pause, DAY)  # what a person has to allow first is not asked for each hour
        case Status.FAILED:
            return min(pause, HOUR)
        case _:
            return min(pause, HOUR) if last.counts.unresolved else pause
