"""The state of an alarm, as CloudWatch decides it."""

from typing import Any

import pytest

from dev.sandbox.alarm_state import alarm_state


def alarm(**fields: object) -> dict[str, Any]:
    return {"StateValue": "OK", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0, **fields}


@pytest.mark.parametrize(("value", "state"), [(5.0, "OK"), (5.1, "ALARM")])
def test_a_value_is_compared_with_the_threshold(value: float, state: str) -> None:
    assert alarm_state(alarm(), [value]) == state


@pytest.mark.parametrize(
    ("missing", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", "OK"), ("missing", "INSUFFICIENT_DATA")],
)
def test_without_data_the_alarm_says_what_to_conclude(missing: str, state: str) -> None:
    assert alarm_state(alarm(TreatMissingData=missing), [None, None]) == state


@pytest.mark.parametrize(("values", "state"), [((9, 9, 1), "ALARM"), ((9, 1, None), "OK"), ((1, 1, 9), "OK")])
def test_some_periods_of_many_have_to_breach(values: tuple[float | None, ...], state: str) -> None:
    assert alarm_state(alarm(DatapointsToAlarm=2), values) == state


def test_every_period_has_to_breach_where_no_number_is_named() -> None:
    assert alarm_state(alarm(TreatMissingData="breaching"), [9, None]) == "ALARM"
    assert alarm_state(alarm(TreatMissingData="notBreaching"), [9, None]) == "OK"
