"""How did the functions' metrics run during a run? For the picture of the dashboard, second by second."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

from dev.sandbox.metrics.embedded_metrics import metrics_of

Series: TypeAlias = dict[str, dict[str, dict[str, float]]]
"""By name, as ``service Metric`` or ``service Metric category``, and by second since the first line: the statistics
that CloudWatch computes of the values in that second."""


def metric_series(records: Iterable[dict[str, Any]]) -> Series:
    """The metrics in log lines of the embedded metric format."""
    values: dict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        for datum in metrics_of(record):
            # The stack is the same in all lines of a sandbox.
            parts = (record["service"], datum.name, record.get("category", ""))
            values[" ".join(filter(None, parts)), int(datum.at)] += datum.values
    started_at = min((at for _, at in values), default=0)
    series: Series = {}
    for (name, at), known in sorted(values.items()):
        series.setdefault(name, {})[str(at - started_at)] = _statistics(known)
    return series


def _statistics(values: list[float]) -> dict[str, float]:
    centiles = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    known = {"Sum": sum(values), "Maximum": max(values), "p50": centiles[49], "p99": centiles[98]}
    return {name: round(value, 3) for name, value in known.items()}
