"""Schedule tick -> reconcile -> counts."""

import os
import time
from collections.abc import Coroutine
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.adapters.tally import Tally
from billing_mirror.core.catalog import RECONCILED, USAGE, ObjectType
from billing_mirror.core.errors import BadSetting
from billing_mirror.core.metrics import Metric
from billing_mirror.core.run import Resolution, Run
from billing_mirror.flows.due import due
from billing_mirror.flows.reconcile import reconcile
from billing_mirror.flows.usage import sweep_usage
from billing_mirror.settings import ReconcileSettings
from billing_mirror.wiring import runner, world

MOST_NAMED = 50
"""Ids in one log line; the record has more."""
SPARE_SECONDS = 30.0
"""Kept free for writing the records and the metrics."""

settings = ReconcileSettings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(stack=settings.stack_name)
tally = Tally()
loop = runner()
ports = world(settings, tally)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """A pass over every type that is due, or over those that ``{"types": [...]}`` names; answers with the counts."""
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    counts: dict[str, object] = {}
    for row in _asked(event) or _due():
        if time.time() < deadline:
            counts[row.name] = _report(loop.run(_pass(row, deadline)))
    for metric, count in tally.drain().items():
        metrics.add_metric(metric, MetricUnit.Count, count)
    return counts


def _asked(event: dict[str, Any]) -> list[ObjectType]:
    rows = {row.name: row for row in (*RECONCILED, USAGE)}
    names = event.get("types") or []
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise BadSetting(f"{unknown[0]} is no type that reconcile knows; nothing was started")
    return [rows[name] for name in names]


def _due() -> list[ObjectType]:
    return loop.run(due([*RECONCILED, *([USAGE] if settings.usage_sweep == "on" else [])], ports))


def _pass(row: ObjectType, deadline: float) -> Coroutine[Any, Any, Run]:
    return sweep_usage(ports, deadline=deadline) if row is USAGE else reconcile(row, ports, deadline=deadline)


def _report(run: Run) -> dict[str, object]:
    if run.complete:
        # Only then: the alarm that watches for passes must not be calmed by one that stopped half-way.
        metrics.add_metric(Metric.RECONCILE_SECONDS, MetricUnit.Seconds, run.seconds)
    metrics.add_metric(Metric.OBJECTS_COMPARED, MetricUnit.Count, run.compared)
    metrics.add_metric(Metric.DRIFT_FOUND, MetricUnit.Count, len(run.upheld))
    metrics.add_metric(Metric.DRIFT_REPAIRED, MetricUnit.Count, len(run.ended(Resolution.REPAIRED)))
    unresolved = len(run.ended(Resolution.UNRESOLVED))
    if run.complete or unresolved:
        # A pass that stopped half-way knows of trouble, but not that there is none.
        metrics.add_metric(Metric.DRIFT_UNRESOLVED, MetricUnit.Count, unresolved)
    metrics.add_metric(Metric.FALSE_ALARMS, MetricUnit.Count, len(run.ended(Resolution.FALSE_ALARM)))
    counts: dict[str, object] = {
        name: value for name, value in run.entry().items() if name not in ("drifts", "expires_at")
    }
    if unresolved:
        counts["unresolved_ids"] = [drift.id for drift in run.ended(Resolution.UNRESOLVED)][:MOST_NAMED]
    log = logger.info if run.complete else logger.error
    log(run.reason or "reconciled", extra={"type": run.type, **counts})
    return counts
