"""What the picture of the dashboard reads from the functions' log lines."""

from typing import Any

from dev.sandbox.metrics.metric_series import metric_series


def line(at: float, name: str, value: float | list[float], **members: str) -> dict[str, Any]:
    """A line of the embedded metric format."""
    directive = {"Namespace": "BillingMirror", "Dimensions": [["stack", "service"]], "Metrics": [{"Name": name}]}
    embedded = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": embedded, "service": "process", "stack": "a", name: value, **members}


def test_values_of_a_second_are_put_together_with_the_statistics_of_cloudwatch() -> None:
    series = metric_series([line(100.2, "Lag", [1.0, 3.0]), line(100.9, "Lag", 2.0), line(103.0, "Lag", 7.0)])
    assert series == {
        "process Lag": {
            "0": {"Sum": 6.0, "Maximum": 3.0, "p50": 2.0, "p99": 2.98},
            "3": {"Sum": 7.0, "Maximum": 7.0, "p50": 7.0, "p99": 7.0},
        }
    }


def test_each_function_and_each_type_has_its_own_series() -> None:
    series = metric_series(
        [
            line(1, "Requests", 1.0),
            line(1, "Requests", 1.0, service="reconcile"),
            line(1, "RunAge", 5.0, service="reconcile", category="activity"),
        ]
    )
    assert [*series] == ["process Requests", "reconcile Requests", "reconcile RunAge activity"]


def test_other_lines_are_left_out() -> None:
    assert metric_series([{"message": "stored", "service": "process"}]) == {}
