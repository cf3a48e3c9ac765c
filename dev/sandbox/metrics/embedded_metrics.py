"""Which metrics does a log line of the embedded metric format have?

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Datum:
    """The values of one metric at one time, in seconds since 1970."""

    namespace: str
    name: str
    unit: str
    dimensions: Mapping[str, str]
    at: float
    values: tuple[float, ...]


def metrics_of(record: Mapping[str, Any]) -> Iterator[Datum]:
    """The metrics of a line, for each set of dimensions; none of a line in another format."""
    embedded = record.get("_aws", {})
    for directive in embedded.get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            shown = record[metric["Name"]]
            values = tuple(shown) if isinstance(shown, list) else (shown,)
            for names in directive["Dimensions"]:
                yield Datum(
                    directive["Namespace"],
                    metric["Name"],
                    metric.get("Unit", "None"),
                    {name: str(record[name]) for name in names},
                    embedded["Timestamp"] / 1000,
                    values,
                )
