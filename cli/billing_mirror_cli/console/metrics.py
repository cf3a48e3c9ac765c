"""Reading values of metrics over time: from CloudWatch, or in the sandbox from the lines that CloudWatch would read."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing_mirror.core.metrics import Metric

from ..logs.follower import log_lines
from ..stack.session import Session
from .charts import Window

Points = list[tuple[float, float]]
"""Time (seconds since 1970) and value, the oldest first."""
_QUERIES = 500
"""Queries of one request: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A statistic of a metric: of a function (``service``), or of a queue of AWS.

    ``by_type``: for each type of objects by itself.
    """

    name: str
    statistic: str
    service: str = ""
    queue: str = ""
    by_type: bool = False


Values = Mapping[Wanted, Mapping[str, Points]]
"""The points of what was wanted, by type; under an empty name where it is not by type."""


class MetricSource(Protocol):
    """Where values come from. ``finest`` is the shortest period in seconds, ``default`` the first window shown."""

    finest: float
    default: str
    queues: bool
    """Whether it measures queues."""

    def read(self, wanted: Sequence[Wanted], window: Window) -> Values:
        """The values in a window."""
        ...


class _Client(Protocol):
    """What is used of CloudWatch's client."""

    def get_metric_data(self, **request: object) -> Mapping[str, object]: ...


class CloudWatch:
    """The metrics of a stack on AWS."""

    finest, default, queues = 60.0, "day", True

    def __init__(self, session: Session) -> None:
        self._stack = session.stack.name
        self._client: _Client = session.aws.client("cloudwatch")

    def read(self, wanted: Sequence[Wanted], window: Window) -> Values:
        by_name_of_query = {f"m{number}": one for number, one in enumerate(wanted)}
        queries = [self._query(name, one, window) for name, one in by_name_of_query.items()]
        found: dict[Wanted, dict[str, Points]] = {one: {} for one in wanted}
        for start in range(0, len(queries), _QUERIES):
            for result in self._results(queries[start : start + _QUERIES], window):
                one = by_name_of_query[str(result["Id"])]
                label = str(result["Label"]) if one.by_type else ""
                found[one].setdefault(label, []).extend(_points(result))
        return {one: {label: sorted(points) for label, points in series.items()} for one, series in found.items()}

    def _query(self, name: str, one: Wanted, window: Window) -> dict[str, object]:
        period = int(window.period)
        if one.by_type:
            search = (
                f'SEARCH(\'{{BillingMirror,service,stack,type}} MetricName="{one.name}" '
                f'service="{one.service}" stack="{self._stack}"\', \'{one.statistic}\', {period})'
            )
            return {"Id": name, "Expression": search, "Label": "${PROP('Dim.type')}", "Period": period}
        dimensions = {"QueueName": one.queue} if one.queue else {"service": one.service, "stack": self._stack}
        metric = {
            "Namespace": "AWS/SQS" if one.queue else "BillingMirror",
            "MetricName": one.name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": one.statistic}}

    def _results(self, queries: Sequence[object], window: Window) -> Iterator[Mapping[str, object]]:
        request: dict[str, object] = {"MetricDataQueries": queries, "StartTime": window.start, "EndTime": window.end}
        while True:
            answer = self._client.get_metric_data(**request)
            results = answer["MetricDataResults"]
            yield from results if isinstance(results, list) else []
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]


def _points(result: Mapping[str, object]) -> Points:
    moments, values = result["Timestamps"], result["Values"]
    if not isinstance(moments, list) or not isinstance(values, list):
        return []
    return [(moment.timestamp(), float(value)) for moment, value in zip(moments, values, strict=True)]


class MetricLines:
    """The metrics of a sandbox, whose emulator of CloudWatch does not read the lines that have them.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    finest, default, queues = 10.0, "quarter", False

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, wanted: Sequence[Wanted], window: Window) -> Values:
        return in_lines((line for _, line in log_lines(self._session, window.start)), wanted, window)


def in_lines(lines: Iterable[str], wanted: Sequence[Wanted], window: Window) -> Values:
    """What lines of the embedded metric format say, by periods."""
    by_name = defaultdict(list)
    for one in wanted:
        by_name[one.service, one.name].append(one)
    collected: dict[tuple[Wanted, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for service, name, type_name, at, values in _metrics_in(lines):
        if not window.start <= at <= window.end:
            continue
        period = math.floor(at / window.period) * window.period
        for one in by_name[service, name]:
            if one.by_type is bool(type_name):
                collected[one, type_name][period] += values
    found: dict[Wanted, dict[str, Points]] = {one: {} for one in wanted}
    for (one, type_name), periods in collected.items():
        found[one][type_name] = [(at, statistic(one.statistic, values)) for at, values in sorted(periods.items())]
    return found


def statistic(name: str, values: Sequence[float]) -> float:
    """``Sum``, ``Maximum``, or a percentile such as ``p99``: the least value that so many percent do not exceed."""
    if name == "Sum":
        return sum(values)
    if name == "Maximum":
        return max(values)
    ordered = sorted(values)
    return ordered[max(0, math.ceil(float(name[1:]) / 100 * len(ordered)) - 1)]


def _metrics_in(lines: Iterable[str]) -> Iterator[tuple[str, str, str, float, list[float]]]:
    """Function, name, type, time and values of each metric."""
    known = frozenset(Metric)
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue
        at = record["_aws"]["Timestamp"] / 1000
        for directive in record["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                name = str(metric["Name"])
                if name in known and name in record:
                    value = record[name]
                    values = [float(one) for one in value] if isinstance(value, list) else [float(value)]
                    yield str(record.get("service", "")), name, str(record.get("type", "")), at, values
