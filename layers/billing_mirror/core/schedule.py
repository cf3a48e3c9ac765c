"""Which job reconcile works on next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .catalog import RECONCILED, USAGE, ObjectType, Rhythm
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

    events: float = 5 * MINUTE
    subscriptions: float = HOUR
    activity: float = DAY
    pricing: float = 7 * DAY
    usage: float | None = None
    """None where usage is not swept."""
    rows: tuple[ObjectType, ...] = RECONCILED

    @property
    def names(self) -> list[str]:
        """The names of all runs that there may be."""
        return [EVENTS, *(row.name for row in self.rows), USAGE.name]

    def after(self, rhythm: Rhythm) -> float:
        match rhythm:
            case Rhythm.SUBSCRIPTIONS:
                return self.subscriptions
            case Rhythm.ACTIVITY:
                return self.activity
            case Rhythm.PRICING:
                return self.pricing


@dataclass(frozen=True, slots=True)
class Turn:
    """A job that may be worked on now: a run that goes on, or a new one."""

    name: str
    job: Job
    going_on: bool
    quick: bool
    """Whether it is one of those that are due most often, and does not wait for others."""
    worked_at: float
    failures: int


def next_turn(
    runs: Mapping[str, Run], now: float, schedule: Schedule, *, livemode: bool, without: frozenset[str] = frozenset()
) -> Turn | None:
    """The job that is worked on next, or None when nothing is due. ``runs`` are the last ones, by name.

    Events come first, then what is due most often; of the rest, whatever was worked on longest ago. Types that are
    filled are filled one after the other, parents before children, and all of them together count as one of the rest:
    neither they nor the comparing of what is there can starve the other.
    """
    turns = [
        turn
        for name, pause in _pauses(schedule, runs, livemode=livemode)
        if name not in without and (turn := _turn(name, runs.get(name), pause, now)) is not None
    ]
    fills = [turn for turn in turns if turn.job is Job.BACKFILL]
    filled_at = max((run.worked_at for run in runs.values() if run.job is Job.BACKFILL), default=0.0)
    rest = [(turn.worked_at, turn) for turn in turns if turn not in fills]
    if fills:
        rest.append((filled_at, min(fills, key=lambda turn: turn.failures)))
    if not rest:
        return None
    # What is quick and did not come to its end in its turn lets another one have the next.
    latest = max((run.worked_at for run in runs.values()), default=0.0)
    had_its_turn = any(turn.quick and turn.going_on and turn.worked_at == latest for turn in turns)

    def rank(one: tuple[float, Turn]) -> tuple[bool, bool, float]:
        worked_at, turn = one
        first = turn.quick and not turn.failures and not (turn.going_on and had_its_turn)
        return not (first and turn.name == EVENTS), not first, worked_at

    return min(rest, key=rank)[1]


def events_due_at(runs: Mapping[str, Run], schedule: Schedule) -> float:
    """When the events job is due again, in seconds since 1970."""
    last = runs.get(EVENTS)
    return last.started_at + schedule.events if last else 0.0


def _pauses(schedule: Schedule, runs: Mapping[str, Run], *, livemode: bool) -> Sequence[tuple[str, float]]:
    types = [row for row in schedule.rows if not (row.test_mode_only and livemode)]
    asked_for = USAGE.name in runs and runs[USAGE.name].status is Status.RUNNING  # where no sweep is due by itself
    usage = [(USAGE.name, schedule.usage or DAY)] if schedule.usage is not None or asked_for else []
    return [(EVENTS, schedule.events), *((row.name, schedule.after(row.rhythm)) for row in types), *usage]


def _turn(name: str, last: Run | None, pause: float, now: float) -> Turn | None:
    going_on = last is not None and last.status is Status.RUNNING
    if last is not None and not going_on:
        wanted = _pause(last, pause)
        if now - last.started_at < wanted - min(wanted * SLACK, MOST_SLACK):
            return None
    job = last.job if last is not None and going_on else first_or_next(name, last)
    worked_at = last.worked_at if last else 0.0
    quick = job is Job.EVENTS or (job is Job.OBJECTS and pause <= HOUR)
    return Turn(name, job, going_on, quick, worked_at, last.failures if last else 0)


def first_or_next(name: str, last: Run | None) -> Job:
    """What a new run of a name does: a type is filled until that has been done once."""
    if name == EVENTS:
        return Job.EVENTS
    if name == USAGE.name:
        return Job.USAGE
    filled = last is not None and (last.job is Job.OBJECTS or last.complete)
    return Job.OBJECTS if filled else Job.BACKFILL


def _pause(last: Run, pause: float) -> float:
    match last.status:
        case Status.UNAUTHORIZED | Status.NOT_SHOWN:
            return max(pause, DAY)  # what a person has to allow first is not asked for each hour
        case Status.FAILED:
            return min(pause, HOUR)
        case _:
            return min(pause, HOUR) if last.counts.unresolved else pause
