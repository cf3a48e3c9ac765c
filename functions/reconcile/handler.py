"""Schedule tick, or somebody's wish -> reconcile -> counts."""

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.core import times
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.metrics import Metric
from billing_mirror.core.run import Counts, Run, Status
from billing_mirror.core.run_request import RunRequest, read_wish
from billing_mirror.core.schedule import EVENTS
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.dry_run import differences_found, dry_run_dependencies
from billing_mirror.reconcile.runs.lifecycle import OUT_OF_TIME
from billing_mirror.reconcile.tick import TickReport, WorkedRun, run_on_demand, tick
from billing_mirror.settings import ReconcileSettings
from billing_mirror.wiring import reconcile_dependencies, runner

MOST_NAMED = 1000
"""Differences that the answer of a dry run names: an answer has 6 MB."""
SPARE_SECONDS = 60.0
"""Kept free for coming to an end: places, records and metrics."""

settings = ReconcileSettings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(stack=settings.stack_name)
metric_counts = MetricCounts()
loop = runner()
ports = reconcile_dependencies(settings, metric_counts)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Works on what is due, or on what the event asks for; answers with what each run has counted so far."""
    try:
        wish = read_wish(event)
    except ConfigurationError as error:
        logger.warning(str(error))
        return {"refused": str(error)}
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    mine = replace(ports, owner=context.aws_request_id)
    if wish is not None and wish.dry_run:
        return _dry(wish, dry_run_dependencies(mine), deadline)
    report = loop.run(
        tick(mine, deadline=deadline) if wish is None else run_on_demand(wish.jobs, mine, deadline=deadline)
    )
    _count_requests()
    if not report.leased:
        return _busy("what was asked for is begun by one of the next ticks")
    for worked in report.worked:
        _log(worked)
        _measure(worked)
    for run in report.last.values():
        _age(run)
    unresolved = sum(run.counts.unresolved for run in _known(report))
    if wish is None or unresolved:
        # Who was asked for one type knows of its trouble, but not that there is none.
        metrics.add_metric(Metric.DRIFT_UNRESOLVED, MetricUnit.Count, unresolved)
    return {worked.run.type: _counts(worked) for worked in report.worked}


def _known(report: TickReport) -> Iterable[Run]:
    """The last run of each name, as far as the report tells."""
    return {**report.last, **{worked.run.type: worked.run for worked in report.worked}}.values()


def _dry(wish: RunRequest, dependencies: ReconcileDependencies, deadline: float) -> dict[str, object]:
    """The counts and the evidence, which are kept nowhere; nothing that an alarm looks at."""
    report = loop.run(run_on_demand(wish.jobs, dependencies, deadline=deadline))
    _count_requests()
    if not report.leased:
        return _busy("ask again when it has ended")
    answers: dict[str, object] = {}
    for worked in report.worked:
        if worked.run.reason == OUT_OF_TIME:
            worked.run.reason = "the time is over, and a dry run does not go on: name fewer types"
        _log(worked, dry_run=True)
        differences = differences_found(dependencies, worked.run.type)[:MOST_NAMED]
        answers[worked.run.type] = {**_counts(worked), "differences": differences}
    return answers


def _busy(afterwards: str) -> dict[str, object]:
    said = f"another invocation is at work; {afterwards}"
    logger.info(said)
    return {"busy": said}


def _count_requests() -> None:
    for metric, count in metric_counts.drain().items():
        metrics.add_metric(metric, MetricUnit.Count, count)


def _counts(worked: WorkedRun) -> dict[str, object]:
    return {name: value for name, value in worked.run.to_item().items() if name not in ("expires_at", "type")}


def _log(worked: WorkedRun, *, dry_run: bool = False) -> None:
    run = worked.run
    log = logger.info if run.status in (Status.COMPLETE, Status.RUNNING) and not run.failures else logger.error
    log(run.reason or "reconciled", extra={"type": run.type, "dry_run": dry_run, **_counts(worked)})


def _measure(worked: WorkedRun) -> None:
    run = worked.run
    for metric, count in _metrics(worked.counts).items():
        metrics.add_metric(metric, MetricUnit.Count, count)
    if run.complete:
        # Only then: the alarm that watches for runs must not be calmed by one that stopped half-way.
        metrics.add_metric(Metric.RECONCILE_SECONDS, MetricUnit.Seconds, run.counts.milliseconds / 1000)


def _metrics(counts: Counts) -> dict[Metric, int]:
    return {
        Metric.PAGES_READ: counts.pages,
        Metric.OBJECTS_COMPARED: counts.compared,
        Metric.OBJECTS_EQUAL: counts.equal,
        Metric.OBJECTS_INSERTED: counts.inserted,
        Metric.MESSAGES_QUEUED: counts.queued,
        Metric.DRIFT_FOUND: counts.found,
        Metric.DRIFT_MISSING: counts.missing,
        Metric.DRIFT_DIFFERENT: counts.different,
        Metric.DRIFT_NOT_LISTED: counts.not_listed,
        Metric.DRIFT_NO_LIST: counts.no_list,
        Metric.DRIFT_REPAIRED: counts.repaired,
        Metric.FALSE_ALARMS: counts.false_alarms,
    }


def _age(run: Run) -> None:
    """How long ago a type was last known to be right, and how far the events are read."""
    now = time.time()
    if run.type == EVENTS:
        read_until = times.seconds(run.watermark) if run.watermark else run.verified_at
        metrics.add_metric(Metric.EVENTS_UNREAD_SINCE, MetricUnit.Seconds, now - read_until)
    elif run.status not in (Status.UNAVAILABLE, Status.UNAUTHORIZED):
        with single_metric(
            name=Metric.RUN_AGE,
            unit=MetricUnit.Seconds,
            value=max(0.0, now - run.verified_at),
            default_dimensions={"stack": settings.stack_name, "type": run.type},
        ):
            pass
