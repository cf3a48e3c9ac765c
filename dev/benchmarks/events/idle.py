"""What does a stack cost while nothing happens? Ticks of reconcile that find every type verified, and what is fixed."""

import contextlib

import boto3
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.core.metrics import Metric
from billing_mirror.reconcile.report import AGES, AGES_EVERY
from dev.benchmarks.events.model import aws_server, stripe_server
from dev.benchmarks.events.model.container import Container
from dev.benchmarks.events.model.queue import QueueModel
from dev.benchmarks.events.model.shipped import environment, event_source, indexes
from dev.benchmarks.events.model.stack import SIGNING_SECRET, Json, table_service
from dev.benchmarks.events.prices import per_month_idle
from dev.benchmarks.events.units import Table
from dev.benchmarks.result import Result, table
from dev.benchmarks.server_process import KEY
from dev.sandbox.toolchain import ROOT
from tests.contract.tables import create_table

MOST_A_MONTH = 2.0
"""USD."""
TICKS = 30 * 24 * 12
"""Ticks of a month, one every five minutes."""
TIMEOUT = 900.0
RECONCILE = ROOT / "functions" / "reconcile" / "handler.py"
MOST_TICKS = 20
SHARE_OF_HOURS = {**dict.fromkeys(AGES, 1 / AGES_EVERY), Metric.FILLING: 0.0}
"""The share of an idle month's hours in which a metric has a value, where that is not all.

The tick that is measured comes minutes after the first runs, while reconcile still counts as filling.
"""


def run() -> Result:
    tick = _idle_tick()
    usd = per_month_idle(
        tick,
        alarm_metrics=sum(map(_metrics_read, _of_type("AWS::CloudWatch::Alarm"))),
        composites=len(_of_type("AWS::CloudWatch::CompositeAlarm")),
        secrets=2,
        pollers=event_source().concurrency,
        ticks=TICKS,
    )
    result = Result(table("A month without events", "", "USD"), {"tick": tick, "usd_per_month": usd})
    for name, value in usd.items():
        result.table.add_row(name, f"{value:.2f}")
    result.table.add_row("in all", result.at_most("USD a month idle", sum(usd.values()), MOST_A_MONTH))
    return result


def _idle_tick() -> Json:
    """The figures of the first tick that finds no run to continue, and of the recover run that is due with it."""
    queue = QueueModel(visibility=30.0)
    secrets = {"SigningSecret": SIGNING_SECRET, "StripeKey": KEY}
    with contextlib.ExitStack() as ending:
        endpoint = ending.enter_context(table_service())
        server = ending.enter_context(aws_server.serving(queue, secrets, lambda *_: 500))
        dynamodb: DynamoDBClient = boto3.client("dynamodb", endpoint_url=endpoint)
        resources = {
            **{name: name for name in secrets},
            "AWS::StackName": "benchmark",
            "Queue": f"{server.url}/1/queue",
            "Quarantine": f"{server.url}/1/{aws_server.QUARANTINE}",
            "Table": create_table(dynamodb),
            "StripeApiBase": ending.enter_context(stripe_server.serving(0.0)),
            "ReconcileRequestsPerSecond": "100",  # the first runs are not what is measured
        }
        endpoints = {
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "AWS_ENDPOINT_URL_SQS": server.url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
        }
        container = Container(RECONCILE, environment("ReconcileFunction", resources) | endpoints, TIMEOUT)
        ending.callback(container.close)
        for _ in range(MOST_TICKS):
            record = container.invoke({})
            runs = record["answer"].get("runs", {})
            if all(name == "recover" for name in runs):
                return _figures([record, container.invoke({"job": "recover"})])
    raise AssertionError(f"reconcile still has work after {MOST_TICKS} ticks: {runs}")


def _figures(records: list[Json]) -> Json:
    reconciled = Table(indexes())
    metrics = sorted({name for one in records for name in one["metrics"]})
    return {
        "wall": sum(one["wall"] for one in records),
        "log_bytes": sum(one["log_bytes"] for one in records),
        "metrics": metrics,
        "metric_months": sum(SHARE_OF_HOURS.get(Metric(one.partition("/")[0]), 1.0) for one in metrics),
        "write_units": sum(reconciled.written(one for record in records for one in record["written"]).values()),
        "read_units": sum(reconciled.read(one for record in records for one in record["read"]).values()),
    }


def _of_type(kind: str) -> list[Json]:
    """The properties of the monitoring stack's resources of a type, for a stack without EventBridge and stream."""
    template = cfn_yaml.load(str(ROOT / "ops" / "template.yaml"))
    absent = ("WithPartnerEventBus", "WithChanges", "WithChangesDeadLetters")
    found = (one for one in template["Resources"].values() if one["Type"] == kind)
    return [one["Properties"] for one in found if one.get("Condition") not in absent]


def _metrics_read(alarm: Json) -> int:
    return len([one for one in alarm["Metrics"] if "MetricStat" in one]) if "Metrics" in alarm else 1
