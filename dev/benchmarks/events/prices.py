"""What does AWS charge? List prices of us-east-1 in USD, and what measured calls, units, bytes and seconds cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MILLION = 1_000_000
GB = 1e9
SECONDS_A_MONTH = 730 * 3600


@dataclass(frozen=True)
class Price:
    """``usd`` per ``per``. Prices change: ``source`` is where to look."""

    usd: float
    per: str
    source: str


LAMBDA = "https://aws.amazon.com/lambda/pricing/"
SQS = "https://aws.amazon.com/sqs/pricing/"
DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
EVENTBRIDGE = "https://aws.amazon.com/eventbridge/pricing/"
CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"

PRICES: Mapping[str, Price] = {
    "API request": Price(1.00, "million requests to an HTTP API", "https://aws.amazon.com/api-gateway/pricing/"),
    "invocation": Price(0.20, "million invocations", LAMBDA),
    "GB-second": Price(0.0000133334, "GB-second on arm64", LAMBDA),
    "queue request": Price(0.40, "million requests to a standard queue", SQS),
    "fair send": Price(0.10, "million messages with a group, in addition", SQS),
    "write unit": Price(0.625, "million write request units", DYNAMODB),
    "read unit": Price(0.125, "million read request units", DYNAMODB),
    "table storage": Price(0.25, "GB in the table and month", DYNAMODB),
    "event": Price(1.00, "million events published on a bus, for each 64 KB", EVENTBRIDGE),
    "archived": Price(0.10, "GB taken into an archive", EVENTBRIDGE),
    "archive storage": Price(0.023, "GB in an archive and month", EVENTBRIDGE),
    "metric read": Price(10.00, "million metrics that GetMetricData is asked for", CLOUDWATCH),
    "log": Price(0.50, "GB of logs", CLOUDWATCH),
    "metric": Price(0.30, "custom metric and month, by the hour in which it has values", CLOUDWATCH),
    "alarm": Price(0.10, "metric that an alarm reads and month", CLOUDWATCH),
    "composite alarm": Price(0.50, "composite alarm and month", CLOUDWATCH),
    "secret": Price(0.40, "secret and month", "https://aws.amazon.com/secrets-manager/pricing/"),
}
MEMORY_GB = {"ingest": 0.5, "process": 0.5, "reconcile": 1.0}
"""As in the template."""
DELETED_AT_ONCE = 10
"""Messages of one DeleteMessageBatch of Lambda's, which sends at least one for each batch."""
ACCESS_LINE = (
    '{"requestId":"a1b2c3d4e5f6g7h=","time":"30/Nov/2026:08:00:00 +0000","ip":"203.0.113.10",'
    '"route":"POST /stripe/webhook","status":"200","milliseconds":"15","error":"-","integrationError":"-"}\n'
)
"""What the API logs of a request, in the template's format."""
PLATFORM_LINES = (
    '{"time":"2026-11-30T08:00:00.000Z","type":"platform.start","record":{"requestId":'
    '"6f7f0961-f83d-4d38-9a0f-000000000000","version":"$LATEST"}}\n'
    '{"time":"2026-11-30T08:00:00.015Z","type":"platform.report","record":{"requestId":'
    '"6f7f0961-f83d-4d38-9a0f-000000000000","metrics":{"durationMs":15.123,"billedDurationMs":16,"memorySizeMB":512,'
    '"maxMemoryUsedMB":110},"status":"success"}}\n'
)
"""What Lambda logs of an invocation: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html"""


def per_million(figures: Mapping[str, Any]) -> dict[str, float]:
    """USD for a million events like those of a run, by service. Seconds are those of this machine."""
    return {service: sum(calls.values()) for service, calls in by_call(figures).items()}


def by_call(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The same by service and by what each is asked for."""
    ingest, process = figures["ingest"], figures["process"]
    functions = {"ingest": ingest, "process": process}
    sends, receives = figures["queue_sends"], figures["queue_receives"]
    request = PRICES["queue request"].usd / MILLION
    usd = {
        "API Gateway": {"requests": ingest["invocations"] * PRICES["API request"].usd / MILLION},
        "Lambda": {
            **{
                f"invocations of {name}": one["invocations"] * PRICES["invocation"].usd / MILLION
                for name, one in functions.items()
            },
            **{
                f"time of {name}": one["wall"] * MEMORY_GB[name] * PRICES["GB-second"].usd
                for name, one in functions.items()
            },
        },
        "SQS": {
            "sends": sends * (request + PRICES["fair send"].usd / MILLION),
            "receives": receives * request,
            "deletes": max(process["invocations"], sends / DELETED_AT_ONCE) * request,
            "postponements": process["calls"].get("ChangeMessageVisibility", 0) * request,
        },
        "DynamoDB": {
            **{f"writes: {what}": _units(units, "write unit") for what, units in figures["write_units"].items()},
            **{f"reads: {what}": _units(units, "read unit") for what, units in figures["read_units"].items()},
        },
        "logs": {
            "lines of ingest": _logged(ingest["log_bytes"]),  # with its metrics
            "lines of process": _logged(process["log_bytes"] - process["metric_bytes"]),
            "metrics of process": _logged(process["metric_bytes"]),
            "access log of the API": _logged(ingest["invocations"] * len(ACCESS_LINE)),
            "Lambda's own lines": _logged(sum(one["invocations"] for one in functions.values()) * len(PLATFORM_LINES)),
        },
    }
    events = figures["events"] or 1
    return {service: {what: one / events * MILLION for what, one in calls.items()} for service, calls in usd.items()}


def _units(units: float, price: str) -> float:
    return units * PRICES[price].usd / MILLION


def _logged(count: int) -> float:
    return count * PRICES["log"].usd / GB


def per_month_idle(
    tick: Mapping[str, Any], *, alarm_metrics: int, composites: int, secrets: int, pollers: int, ticks: float
) -> dict[str, float]:
    """USD a month without events, by cause. ``tick`` has the figures of one tick of reconcile without due jobs."""
    polls = pollers * SECONDS_A_MONTH / 20  # each poller waits twenty seconds for a message
    return {
        "custom metrics": tick["metric_months"] * PRICES["metric"].usd,
        "alarms": alarm_metrics * PRICES["alarm"].usd + composites * PRICES["composite alarm"].usd,
        "secrets": secrets * PRICES["secret"].usd,
        "polling the queue": polls * PRICES["queue request"].usd / MILLION,
        "ticks of reconcile": ticks
        * (
            tick["wall"] * MEMORY_GB["reconcile"] * PRICES["GB-second"].usd
            + (PRICES["invocation"].usd + tick["read_units"] * PRICES["read unit"].usd) / MILLION
            + tick["write_units"] * PRICES["write unit"].usd / MILLION
            + _logged(tick["log_bytes"] + len(PLATFORM_LINES))
        ),
    }
