"""Schedule tick or run request -> reconcile -> counts."""

import os
import time
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.adapters.metric_counts import MISSING_FIELD, MetricCounts
from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run_request import read_request
from billing_mirror.reconcile.report import (
    AGES,
    OF_EACH_ACCOUNT,
    ForgetReport,
    ObjectsReport,
    TickReport,
    refused,
)
from billing_mirror.reconcile.runs.worked_run import WorkedRun
from billing_mirror.reconcile.tick import reconcile
from billing_mirror.settings import ReconcileSettings
from billing_mirror.wiring.event_loop import runner
from billing_mirror.wiring.refresh import reconcile_dependencies

SPARE_SECONDS = 60.0
"""Seconds before the function's timeout that remain for checkpoints, records and metrics."""

REVOKED = "a connected account has revoked the key's access; its mirrored objects stay, and a tick tries it once a day"

settings = ReconcileSettings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(stack=settings.stack_name)
metric_counts = MetricCounts()
loop = runner()
dependencies = reconcile_dependencies(settings, metric_counts)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Works on what is due, or on what the event requests; answers with the counts of each run so far."""
    try:
        request = read_request(event, livemode=dependencies.scope.livemode, now=time.time())
    except InvalidRequest as error:
        logger.warning(str(error))
        return refused(str(error))
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    own = replace(dependencies, owner=context.aws_request_id)
    report = loop.run(reconcile(request, own, deadline=deadline))
    for missing in metric_counts.drain_missing_fields():
        logger.error(MISSING_FIELD, extra=missing)
    for metric, count in metric_counts.drain().items():
        metrics.add_metric(metric, MetricUnit.Count, count)
    _tell(report)
    return report.answer()


def _tell(report: TickReport | ObjectsReport | ForgetReport) -> None:
    """The log lines and the metrics of an invocation."""
    match report:
        case ObjectsReport():
            for one in report.objects:
                logger.info("refreshed" if one.outcome else one.reason, extra={"object": one.columns()})
        case ForgetReport():
            logger.info("forgotten", extra={"forgotten": report.columns()})
        case TickReport():
            _emit(report)
            if not report.leased:
                logger.info(report.busy())
            _log(report)


def _emit(report: TickReport) -> None:
    for metric, value in report.counts():
        metrics.add_metric(metric, MetricUnit.Count, value)
    now = time.time()
    left_out = frozenset() if report.shows_ages(now) else AGES
    for metric, value in report.seconds(now):
        if metric not in left_out:
            metrics.add_metric(metric, MetricUnit.Seconds, value)
    if Metric.RUN_AGE not in left_out:
        for category, age in report.oldest_ages(now).items():
            _emit_apart(Metric.RUN_AGE, MetricUnit.Seconds, age, category=category)
    if ages := {name: int(age) for name, age in report.run_ages(now)}:
        logger.info("seconds since each type was verified", extra={"run_ages": ages})
    for context in report.connected.keys() & {*settings.contexts.listed}:
        _emit_of_account(context, report.connected[context], now, OF_EACH_ACCOUNT - left_out)


def _emit_of_account(context: str, report: TickReport, now: float, emitted: frozenset[Metric]) -> None:
    """Only of listed accounts: any number may be seen."""
    for metric, count in report.counts():
        if metric in emitted:
            _emit_apart(metric, MetricUnit.Count, count, context=context)
    for metric, seconds in report.seconds(now):
        if metric in emitted:
            _emit_apart(metric, MetricUnit.Seconds, seconds, context=context)


def _emit_apart(metric: Metric, unit: MetricUnit, value: float, **dimension: str) -> None:
    """A metric with one more dimension."""
    dimensions = {"stack": settings.stack_name, **dimension}
    with single_metric(name=metric, unit=unit, value=value, default_dimensions=dimensions):
        pass


def _log(report: TickReport) -> None:
    for worked in report.all_worked:
        _log_run(worked, dry_run=report.dry_run)
    for revoked in report.newly_revoked:
        logger.warning(REVOKED, extra={"context": revoked})


def _log_run(worked: WorkedRun, *, dry_run: bool) -> None:
    log = logger.error if worked.failed else logger.info
    log(worked.reason or "reconciled", extra={"type": worked.run.type, "dry_run": dry_run, **worked.columns()})
