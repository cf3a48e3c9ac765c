"""Which charts show the health of a stack, and what their limits are: those of the verdict and of the alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billing_mirror.core.catalog import Category, CompareInterval
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.schedule import DAY, HOUR, MINUTE

from ..health import metrics
from ..health.verdict import EVENTS_MAY_BE_UNREAD, QUEUE_MAY_BE_OLD, VERIFY_MAY_BE_LATE, Facts
from ..stack.session import Session
from ..words import age
from .charts import Chart, Drawing, Kind, Limit, Line, Points, Unit, Window, draw

_VALUES = 90
"""Values that a window has about."""


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
_PERIODS = (MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A statistic of a function's metric, or of one category of types."""

    service: str
    name: str
    statistic: str
    category: str = ""


_OLDEST = _Wanted("", "ApproximateAgeOfOldestMessage", "Maximum")
"""The one metric that no function emits: AWS measures the queue."""
_LAG_P50 = _Wanted("process", Metric.EVENT_TO_STORED_LAG, "p50")
_LAG_P99 = _Wanted("process", Metric.EVENT_TO_STORED_LAG, "p99")
_DELAY = _Wanted("process", Metric.QUEUE_DELAY, "Maximum")
_OUTCOMES = {one: _Wanted("process", one.metric, "Sum") for one in Outcome}
_DRIFTS = {
    "repaired": _Wanted("reconcile", Metric.DRIFT_REPAIRED, "Sum"),
    "unresolved": _Wanted("reconcile", Metric.DRIFT_UNRESOLVED, "Sum"),
    "false alarms": _Wanted("reconcile", Metric.FALSE_ALARMS, "Sum"),
}
_UNREAD = _Wanted("reconcile", Metric.EVENTS_UNREAD_SINCE, "Maximum")
_AGES = {one: _Wanted("reconcile", Metric.RUN_AGE, "Maximum", one) for one in Category}
WANTED = (_OLDEST, _LAG_P50, _LAG_P99, _DELAY, *_OUTCOMES.values(), *_DRIFTS.values(), _UNREAD, *_AGES.values())
_Values = Mapping[_Wanted, Points]


def window_of(choice: WindowChoice, now: float) -> Window:
    """The window up to now."""
    period = next(one for one in _PERIODS if one >= choice.seconds / _VALUES or one == _PERIODS[-1])
    # CloudWatch counts periods from whole minutes and hours.
    return Window((now - choice.seconds) // period * period, now, period)


def draw_health(session: Session, facts: Facts, window: Window) -> list[Drawing]:
    """All charts of a window."""
    queries = [(_metric(session, one), one.statistic, int(window.period)) for one in WANTED]
    found = metrics.over_time(session, queries, window.start, window.end)
    values = {
        one: sorted((moment.timestamp(), value) for moment, value in shown.items())
        for one, shown in zip(WANTED, found, strict=True)
    }
    return [draw(chart, window) for chart in (*_flow(values), *_reconciled(values, facts))]


def _metric(session: Session, one: _Wanted) -> dict[str, object]:
    if one is _OLDEST:
        return metrics.oldest_message(session)
    return metrics.own(session, one.service, one.name, one.category)


def _flow(values: _Values) -> Iterable[Chart]:
    yield Chart(
        name="lag",
        title="Lag",
        meaning="From the creation of an event at Stripe to the write that shows its change.",
        unit=Unit.SECONDS,
        kind=Kind.CURVES,
        lines=[
            Line("half of all (p50)", _in_seconds(values, _LAG_P50)),
            Line("99 of 100 (p99)", _in_seconds(values, _LAG_P99)),
            Line("longest in the queue", _in_seconds(values, _DELAY)),
        ],
        limit=Limit(QUEUE_MAY_BE_OLD, f"alarm MessagesPostponed at {age(QUEUE_MAY_BE_OLD)} in the queue"),
    )
    yield Chart(
        name="queue",
        title="Oldest message",
        meaning="For how long the oldest message of the work queue has waited.",
        unit=Unit.SECONDS,
        kind=Kind.LINES,
        lines=[Line("oldest message", values[_OLDEST])],
        limit=Limit(QUEUE_MAY_BE_OLD, f"alarm QueueTooOld at {age(QUEUE_MAY_BE_OLD)}"),
    )
    yield Chart(
        name="outcomes",
        title="Messages by outcome",
        meaning="How the processing of messages has ended.",
        unit=Unit.COUNT,
        kind=Kind.BARS,
        lines=_counted(values, {one.replace("_", " "): wanted for one, wanted in _OUTCOMES.items()}),
    )


def _reconciled(values: _Values, facts: Facts) -> Iterable[Chart]:
    yield Chart(
        name="drift",
        title="Drift",
        meaning="Differences between Stripe and the mirror that reconcile has found.",
        unit=Unit.COUNT,
        kind=Kind.BARS,
        lines=_counted(values, _DRIFTS),
        without="None found in this time.",
    )
    may_wait = max(EVENTS_MAY_BE_UNREAD, 2 * facts.schedule.recover, 2 * facts.tick_seconds)
    yield Chart(
        name="events",
        title="Events not yet read",
        meaning="Since when Stripe's list of events is not read to its end: events that no webhook brought wait there.",
        unit=Unit.SECONDS,
        kind=Kind.LINES,
        lines=[Line("oldest event", values[_UNREAD])],
        limit=Limit(may_wait, f"behind at {age(may_wait)}"),
    )
    for category, wanted in _AGES.items():
        late = facts.schedule.interval(CompareInterval(category)) + VERIFY_MAY_BE_LATE
        yield Chart(
            name=f"age-{category}",
            title=f"Age: {category}",
            meaning="Time since the last complete comparison with Stripe, of the type whose is the oldest.",
            unit=Unit.SECONDS,
            kind=Kind.LINES,
            lines=[Line("oldest type", values[wanted])],
            limit=Limit(late, f"alarm VerifyLate at {age(late)}"),
        )


def _counted(values: _Values, wanted: Mapping[str, _Wanted]) -> list[Line]:
    """The counts that are not always 0."""
    lines = [Line(name, values[one]) for name, one in wanted.items()]
    return [one for one in lines if any(value for _, value in one.points)]


def _in_seconds(values: _Values, wanted: _Wanted) -> Points:
    """The metrics of the lag are in milliseconds."""
    return [(at, value / 1000) for at, value in values[wanted]]
