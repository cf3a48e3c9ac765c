"""Reading the facts about a stack: its queues, its runs, its metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from billing_mirror.core import times
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Resolution
from billing_mirror.core.runs.schedule import DAY, HOUR, MINUTE, Schedule

from .. import mirror
from ..runs.records import RunState
from ..stack.session import Session
from . import metrics
from .verdict import Facts, QueueFacts, tick_seconds

RUNS_READ = 10
"""Runs of a type that are read: one of them is complete, unless it fails for long."""
DRIFT_SECONDS = 30 * DAY
_READERS = 8
_MAX_METRIC_AGE = 15 * MINUTE
_PERCENTILES = ("p50", "p99")


def read_facts(session: Session) -> Facts:
    """The facts about a stack, now."""
    stack, now, livemode = session.stack, session.now(), session.mode.livemode
    schedule = schedule_of(stack.parameters)
    names = [name for name in schedule.names if name in schedule.intervals(livemode=livemode)]
    reader = session.reader  # made before the threads need it
    with ThreadPoolExecutor(_READERS) as threads:
        histories = threads.map(lambda name: mirror.runs(reader, name, RUNS_READ), names)
        runs = {
            name: [RunState.from_record(run) for run in found] for name, found in zip(names, histories, strict=True)
        }
        drifts = dict(zip(names, threads.map(_drifts(session, now), names), strict=True))
    waiting, in_flight, delayed = queue_counts(session, stack.queue_url)
    # The age is of the last minutes: nothing that waited then need wait now.
    oldest = _oldest(session, now) if waiting or in_flight else None
    quarantined, held, _ = queue_counts(session, stack.quarantine_url)
    return Facts(
        now=now,
        queue=QueueFacts(waiting, in_flight, delayed, oldest),
        quarantined=quarantined + held,
        runs=runs,
        drifts={name: counted for name, counted in drifts.items() if counted},
        schedule=schedule,
        tick_seconds=tick_seconds(stack.parameters.get("ReconcileRate", "")),
        livemode=livemode,
        lag=_lag(session, now),
    )


def schedule_of(parameters: Mapping[str, str]) -> Schedule:
    """The schedule that a stack's parameters make, as ``wiring.refresh`` does."""

    def hours(name: str, default: int) -> float:
        return float(parameters.get(name) or default) * HOUR

    return Schedule(
        recover=float(parameters.get("RecoverMinutes") or 5) * MINUTE,
        rate_card_subscriptions=hours("RateCardSubscriptionHours", 1),
        activity=hours("ActivityHours", 24),
        configuration=hours("ConfigurationHours", 168),
        catalog=hours("CatalogHours", 168),
        usage=hours("ActivityHours", 24) if parameters.get("UsageSweep") == "on" else None,
    )


def queue_counts(session: Session, url: str) -> tuple[int, int, int]:
    """Messages of a queue that are visible, received and not yet deleted, and delayed; all approximate."""
    found = session.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return (
        int(found["ApproximateNumberOfMessages"]),
        int(found["ApproximateNumberOfMessagesNotVisible"]),
        int(found["ApproximateNumberOfMessagesDelayed"]),
    )


def _drifts(session: Session, now: float) -> Callable[[str], Mapping[Resolution, int]]:
    since, reader = now - DRIFT_SECONDS, session.reader

    def counted(name: str) -> Mapping[Resolution, int]:
        found: Counter[Resolution] = Counter()
        for drift in mirror.drifts(reader, name):
            if times.seconds(drift.run) < since:
                break  # the newest run comes first
            found[drift.resolution] += 1
        return found

    return counted


def _oldest(session: Session, now: float) -> float | None:
    """Seconds for which the oldest message of the queue waits, as CloudWatch last saw it."""
    wanted = (metrics.oldest_message(session), "Maximum", metrics.MINUTE)
    return _newest(session, [wanted], now - _MAX_METRIC_AGE, now).get("Maximum")


def _lag(session: Session, now: float) -> dict[str, float]:
    lag = metrics.own(session, "process", Metric.EVENT_TO_STORED_LAG)
    found = _newest(session, [(lag, percentile, int(DAY)) for percentile in _PERCENTILES], now - DAY, now)
    return {percentile: milliseconds / 1000 for percentile, milliseconds in found.items()}


def _newest(session: Session, wanted: Sequence[metrics.Wanted], start: float, end: float) -> dict[str, float]:
    """The newest value of each statistic; none where CloudWatch has none, or the role may not read it."""
    try:
        return metrics.newest(session, wanted, start, end)
    except ClientError:
        return {}  # monitoring is a comfort here: the verdict rests on the queues and the records
