"""How did the functions' metrics run during a run? For the picture of the dashboard, second by second."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

Series: TypeAlias = dict[str, dict[str, dict[str, float]]]
"""By name, as ``service Metric`` or ``service Metric category``, and by second since the first line: the statistics
that CloudWatch computes of the values in that second."""


def metric_series(records: Iterable[dict[str, Any]]) -> Series:
    """The metrics in log lines of the embedded metric format.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    values: dict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        for name, at, shown in _metrics_of(record):
            values[name, at] += shown
    started_at = min((at for _, at in values), default=0)
    series: Series = {}
    for (name, at), known in sorted(values.items()):
        series.setdefault(name, {})[str(at - started_at)] = _statistics(known)
    return series


def _metrics_of(record: dict[str, Any]) -> Iterable[tuple[str, int, list[float]]]:
    """Name, second and values of each metric in a line."""
    embedded = record.get("_aws", {})
    at = int(embedded.get("Timestamp", 0) / 1000)
    for directive in embedded.get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            shown = record[metric["Name"]]
            # Lambda's own dimensions, such as the stack, are the same in all lines of a sandbox.
            parts = (record["service"], metric["Name"], record.get("category", ""))
            yield " ".join(filter(None, parts)), at, shown if isinstance(shown, list) else [shown]


def _statistics(values: list[float]) -> dict[str, float]:
    centiles = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    known = {"Sum": sum(values), "Maximum": max(values), "p50": centiles[49], "p99": centiles[98]}
    return {name: round(value, 3) for name, value in known.items()}
