"""What state would CloudWatch give an alarm? Only what this project's alarms use is here; anything else raises.

A period is a window of its length that ends now, or some periods before. Missing points and "M out of N" are as in
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, metric math as in
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

Value: TypeAlias = float | None
"""None where a metric has no point in a period."""
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Average": lambda points: sum(points) / len(points),
}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


@dataclass(frozen=True)
class ReadMetric:
    """A metric as an alarm reads it. Dimensions are those of the template, unresolved."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Sum"
    period: int = 0

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        return self.namespace, self.name, self.dimensions

    @property
    def service(self) -> str:
        """The function that emits it, for our own metrics."""
        return dict(self.dimensions)["service"]


Points: TypeAlias = Mapping[tuple[str, str, tuple[tuple[str, str], ...]], Sequence[tuple[float, float]]]
"""By metric: times in seconds, and values."""


def metrics_of(alarm: Mapping[str, Any]) -> dict[str, ReadMetric]:
    """The metrics that an alarm reads, by their id in its expression; "" for an alarm on one metric."""
    if "Metrics" not in alarm:
        return {"": _metric(alarm, alarm["Statistic"], alarm["Period"])}
    stats = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    return {name: _metric(one["Metric"], one["Stat"], one["Period"]) for name, one in stats.items()}


def _metric(given: Mapping[str, Any], statistic: str, period: int) -> ReadMetric:
    dimensions = {
        one["Name"]: one["Value"]["Ref"] if isinstance(one["Value"], dict) else one["Value"]
        for one in given["Dimensions"]
    }
    return ReadMetric(given["Namespace"], given["MetricName"], tuple(sorted(dimensions.items())), statistic, period)


def period_of(alarm: Mapping[str, Any]) -> int:
    (period,) = {metric.period for metric in metrics_of(alarm).values()}
    return period


def evaluate(alarm: Mapping[str, Any], points: Points, now: float, before: str = "OK") -> str:
    """OK or ALARM; ``before`` is the state until now, which an alarm keeps that ignores missing data."""
    values = list(_values(alarm, points, now))
    compare, threshold = COMPARISONS[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    missing = alarm["TreatMissingData"]
    if missing == "ignore" and None in values:
        return before
    breaching = [missing == "breaching" if value is None else compare(value, threshold) for value in values]
    return "ALARM" if sum(breaching) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) else "OK"


def _values(alarm: Mapping[str, Any], points: Points, now: float) -> Iterator[Value]:
    metrics, period = metrics_of(alarm), period_of(alarm)
    expressions = [one["Expression"] for one in alarm.get("Metrics", []) if "Expression" in one]
    for number in range(alarm["EvaluationPeriods"]):
        end = now - number * period
        found = {name: _aggregate(metric, points, end) for name, metric in metrics.items()}
        yield _Math(found).value(expressions[0]) if expressions else found[""]


def _aggregate(metric: ReadMetric, points: Points, end: float) -> Value:
    inside = [value for at, value in points.get(metric.key, ()) if end - metric.period < at <= end]
    return float(STATISTICS[metric.statistic](inside)) if inside else None


class _Math(ast.NodeVisitor):
    """One expression of metric math, for one period. A missing operand makes the result missing, but for FILL."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def value(self, expression: str) -> Value:
        python = expression.replace(" AND ", " and ").replace(" OR ", " or ")
        found: Value = self.visit(ast.parse(python, mode="eval").body)
        return found

    def visit_Name(self, node: ast.Name) -> Value:
        return self._values[node.id]

    def visit_Constant(self, node: ast.Constant) -> Value:
        return float(cast("float", node.value))

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.visit(node.left), self.visit(node.right)
        if left is None or right is None:
            return None
        match node.op:
            case ast.Add():
                return float(left + right)
            case ast.Sub():
                return float(left - right)
            case ast.Mult():
                return float(left * right)
            case ast.Div():
                return float(left / right)
        raise AssertionError(ast.dump(node))

    def visit_Compare(self, node: ast.Compare) -> Value:
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        if left is None or right is None:
            return None
        return float(left > right if isinstance(node.ops[0], ast.Gt) else left < right)

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        parts = [self.visit(part) for part in node.values]
        if None in parts:
            return None
        return float(all(parts) if isinstance(node.op, ast.And) else any(parts))

    def visit_Call(self, node: ast.Call) -> Value:
        match ast.unparse(node.func), node.args:
            case "FILL", [metric, constant]:
                found: Value = self.visit(metric)
                filled: Value = self.visit(constant)
                return filled if found is None else found
            case "IF", [condition, then, otherwise]:
                chosen: Value = self.visit(condition)
                result: Value = None if chosen is None else self.visit(then if chosen else otherwise)
                return result
            case "MAX", [ast.List(elts=several)]:
                return max(float(self.visit(one)) for one in several)
        raise AssertionError(ast.dump(node))

    def generic_visit(self, node: ast.AST) -> None:
        raise AssertionError(f"not part of this arithmetic: {ast.dump(node)}")
