"""The stack's metrics in CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..stack.session import Session

NAMESPACE = "BillingMirror"
MINUTE = 60
Wanted = tuple[Mapping[str, object], str, int]
"""A metric, its statistic and the period in seconds."""


class _CloudWatch(Protocol):
    """What is used of CloudWatch's client.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """

    def get_metric_data(self, **request: object) -> Mapping[str, Sequence[Mapping[str, Any]]]: ...


def own(session: Session, service: str, name: str, category: str = "") -> dict[str, object]:
    """A metric that one of the stack's functions emits; or that of one category of types."""
    dimensions = {"service": service, "stack": session.stack.name}
    return metric(NAMESPACE, name, dimensions | ({"category": category} if category else {}))


def oldest_message(session: Session) -> dict[str, object]:
    """The metric of AWS for how long the oldest message of the work queue has waited, in seconds."""
    name = session.stack.queue_url.rpartition("/")[2]
    return metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": name})


def metric(namespace: str, name: str, dimensions: Mapping[str, str]) -> dict[str, object]:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": str(name), "Dimensions": named}


def newest(session: Session, wanted: Sequence[Wanted], start: float, end: float) -> dict[str, float]:
    """The newest value of each statistic; none where there is none."""
    values: dict[str, float] = {}
    for (_, statistic, _), shown in zip(wanted, over_time(session, wanted, start, end), strict=True):
        if shown:
            values[statistic] = shown[max(shown)]
    return values


def total(session: Session, service: str, name: str, since: float) -> float:
    """The sum of a function's metric since a time within the last 15 days (seconds since 1970)."""
    wanted = [(own(session, service, name), "Sum", MINUTE)]
    return sum(sum(shown.values()) for shown in over_time(session, wanted, since, session.now() + MINUTE))


def over_time(session: Session, wanted: Sequence[Wanted], start: float, end: float) -> list[dict[datetime, float]]:
    """The values of each statistic by time, between two times in seconds since 1970."""
    client: _CloudWatch = session.aws.client("cloudwatch")
    queries = [
        {"Id": f"m{number}", "MetricStat": {"Metric": one, "Period": period, "Stat": statistic}}
        for number, (one, statistic, period) in enumerate(wanted)
    ]
    request: dict[str, object] = {"MetricDataQueries": queries, "StartTime": start, "EndTime": end}
    found: list[dict[datetime, float]] = [{} for _ in wanted]
    while True:
        answer: Mapping[str, Any] = client.get_metric_data(**request)
        for result in answer["MetricDataResults"]:
            found[int(result["Id"][1:])].update(zip(result["Timestamps"], result["Values"], strict=True))
        if not answer.get("NextToken"):
            return found
        request["NextToken"] = answer["NextToken"]
