"""Which charts show the health of a stack, and what their limits are: those of the verdict and of the alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from billing_mirror.core.catalog import TYPES, CompareInterval
from billing_mirror.core.metrics import Metric
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.schedule import DAY, HOUR, MINUTE

from ..health.verdict import EVENTS_MAY_BE_UNREAD, QUEUE_MAY_BE_OLD, VERIFY_MAY_BE_LATE, Facts
from ..stack.session import Session
from ..words import age
from .charts import Chart, Drawing, Kind, Limit, Line, Unit, Window, draw
from .metrics import MetricSource, Points, Values, Wanted

_PROCESS, _RECONCILE = "process", "reconcile"
_VALUES = 90
"""Values that a window has about."""
_MEASURED_BY_AWS = "Measured by AWS; a sandbox has no values."


@dataclass(frozen=True, slots=True)
class WindowChoice:
    """A window of time that people can choose."""

    name: str
    text: str
    seconds: float


WINDOWS = (
    WindowChoice("quarter", "15 minutes", 15 * MINUTE),
    WindowChoice("hours", "3 hours", 3 * HOUR),
    WindowChoice("day", "24 hours", DAY),
    WindowChoice("week", "7 days", 7 * DAY),
    WindowChoice("month", "30 days", 30 * DAY),
)
_PERIODS = (10.0, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR)
_INTERVALS = {
    CompareInterval.RATE_CARD_SUBSCRIPTIONS: "Rate card subscriptions",
    CompareInterval.ACTIVITY: "Activity",
    CompareInterval.CONFIGURATION: "Configuration",
    CompareInterval.CATALOG: "Catalog",
}

_LAG_P50 = Wanted(name=Metric.EVENT_TO_STORED_LAG, statistic="p50", service=_PROCESS)
_LAG_P99 = Wanted(name=Metric.EVENT_TO_STORED_LAG, statistic="p99", service=_PROCESS)
_DELAY = Wanted(name=Metric.QUEUE_DELAY, statistic="p99", service=_PROCESS)
_OUTCOMES = {one: Wanted(name=one.metric, statistic="Sum", service=_PROCESS) for one in Outcome}
_DRIFTS = {
    "repaired": Wanted(name=Metric.DRIFT_REPAIRED, statistic="Sum", service=_RECONCILE),
    "unresolved": Wanted(name=Metric.DRIFT_UNRESOLVED, statistic="Sum", service=_RECONCILE),
    "false alarms": Wanted(name=Metric.FALSE_ALARMS, statistic="Sum", service=_RECONCILE),
}
_UNREAD = Wanted(name=Metric.EVENTS_UNREAD_SINCE, statistic="Maximum", service=_RECONCILE)
_AGES = Wanted(name=Metric.RUN_AGE, statistic="Maximum", service=_RECONCILE, by_type=True)


def window_of(name: str, source: MetricSource, now: float) -> Window:
    """The window of this name up to now; the source's default for any other name."""
    seconds = {choice.name: choice.seconds for choice in WINDOWS}
    wanted = seconds.get(name, seconds[source.default])
    period = next(one for one in _PERIODS if one >= max(source.finest, wanted / _VALUES) or one == _PERIODS[-1])
    # CloudWatch counts periods from whole minutes and hours.
    return Window((now - wanted) // period * period, now, period)


def draw_health(session: Session, source: MetricSource, facts: Facts, window: Window) -> list[Drawing]:
    """All charts of a window."""
    oldest = Wanted(
        name="ApproximateAgeOfOldestMessage",
        statistic="Maximum",
        queue=session.stack.queue_url.rpartition("/")[2],
    )
    wanted = [_LAG_P50, _LAG_P99, _DELAY, *_OUTCOMES.values(), *_DRIFTS.values(), _UNREAD, _AGES]
    values = source.read([*wanted, oldest] if source.queues else wanted, window)
    return [draw(chart, window) for chart in (*_flow(values, oldest), *_reconciled(values, facts))]


def _flow(values: Values, oldest: Wanted) -> Iterable[Chart]:
    slow = Limit(QUEUE_MAY_BE_OLD, f"alarm QueueTooOld at {age(QUEUE_MAY_BE_OLD)}")
    yield Chart(
        name="lag",
        title="Lag",
        meaning="From the creation of an event at Stripe to the write that shows its change.",
        unit=Unit.SECONDS,
        kind=Kind.CURVES,
        lines=[
            Line("half of all (p50)", _in_seconds(values, _LAG_P50)),
            Line("99 of 100 (p99)", _in_seconds(values, _LAG_P99)),
            Line("in the queue (p99)", _in_seconds(values, _DELAY)),
        ],
    )
    yield Chart(
        name="queue",
        title="Oldest message",
        meaning="For how long the oldest message of the work queue has waited.",
        unit=Unit.SECONDS,
        kind=Kind.LINES,
        lines=[Line("oldest message", _all(values, oldest))],
        limit=slow,
        without=_MEASURED_BY_AWS,
    )
    yield Chart(
        name="outcomes",
        title="Messages by outcome",
        meaning="How the processing of messages has ended.",
        unit=Unit.COUNT,
        kind=Kind.BARS,
        lines=_counted(values, {one.replace("_", " "): wanted for one, wanted in _OUTCOMES.items()}),
    )


def _reconciled(values: Values, facts: Facts) -> Iterable[Chart]:
    yield Chart(
        name="drift",
        title="Drift",
        meaning="Differences between Stripe and the mirror that reconcile has found.",
        unit=Unit.COUNT,
        kind=Kind.BARS,
        lines=_counted(values, _DRIFTS),
        without="None found in this time.",
    )
    may_be_old = max(EVENTS_MAY_BE_UNREAD, 2 * facts.schedule.recover, 2 * facts.tick_seconds)
    yield Chart(
        name="events",
        title="Events not yet read",
        meaning="Since when Stripe's list of events is not read to its end: events that no webhook brought wait there.",
        unit=Unit.SECONDS,
        kind=Kind.LINES,
        lines=[Line("oldest event", _all(values, _UNREAD))],
        limit=Limit(may_be_old, f"behind at {age(may_be_old)}"),
    )
    by_type = values.get(_AGES, {})
    for interval, title in _INTERVALS.items():
        late = facts.schedule.interval(interval) + VERIFY_MAY_BE_LATE
        yield Chart(
            name=f"age-{interval.replace('_', '-')}",
            title=f"Age: {title.lower()}",
            meaning="Time since the last complete comparison with Stripe, of the type whose is the oldest.",
            unit=Unit.SECONDS,
            kind=Kind.LINES,
            lines=[Line("oldest type", _greatest(by_type, interval))],
            limit=Limit(late, f"alarm VerifyLate at {age(late)}"),
        )


def _counted(values: Values, wanted: Mapping[str, Wanted]) -> list[Line]:
    """The counts that are not always 0."""
    lines = [Line(name, _all(values, one)) for name, one in wanted.items()]
    return [one for one in lines if any(value for _, value in one.points)]


def _all(values: Values, wanted: Wanted) -> Points:
    return values.get(wanted, {}).get("", [])


def _in_seconds(values: Values, wanted: Wanted) -> Points:
    """The metrics of the lag are in milliseconds."""
    return [(at, value / 1000) for at, value in _all(values, wanted)]


def _greatest(by_type: Mapping[str, Sequence[tuple[float, float]]], interval: CompareInterval) -> Points:
    greatest: dict[float, float] = {}
    for name, points in by_type.items():
        if name in TYPES and TYPES[name].interval is interval:
            for at, value in points:
                greatest[at] = max(value, greatest.get(at, value))
    return sorted(greatest.items())
