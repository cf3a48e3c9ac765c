"""The state of an alarm, as CloudWatch decides it."""

from typing import Any

import pytest

from dev.sandbox.metrics.alarm_arithmetic import evaluate

KEY = ("N", "M", ())


def state(values: tuple[float | None, ...], before: str = "OK", **fields: object) -> str:
    """Of an alarm on one metric, whose values in the last periods these are, the newest first."""
    alarm: dict[str, Any] = {
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": len(values),
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "TreatMissingData": "notBreaching",
        **fields,
    }
    points = [(1000.0 - 60 * number, value) for number, value in enumerate(values) if value is not None]
    return evaluate(alarm, {KEY: points}, 1000.0, before)


@pytest.mark.parametrize(("value", "expected"), [(5.0, "OK"), (5.1, "ALARM")])
def test_a_value_is_compared_with_the_threshold(value: float, expected: str) -> None:
    assert state((value,)) == expected


@pytest.mark.parametrize(("missing", "expected"), [("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", "OK")])
def test_without_data_the_alarm_says_what_to_conclude(missing: str, expected: str) -> None:
    assert state((None, None), TreatMissingData=missing) == expected


@pytest.mark.parametrize(("values", "expected"), [((9, 9, 1), "ALARM"), ((9, 1, None), "OK"), ((1, 1, 9), "OK")])
def test_some_periods_of_many_have_to_breach(values: tuple[float | None, ...], expected: str) -> None:
    assert state(values, DatapointsToAlarm=2) == expected


def test_every_period_has_to_breach_where_no_number_is_named() -> None:
    assert state((9, None), TreatMissingData="breaching") == "ALARM"
    assert state((9, None)) == "OK"


def test_an_alarm_that_ignores_missing_data_keeps_its_state() -> None:
    assert state((None,), before="ALARM", TreatMissingData="ignore") == "ALARM"
