"""Which state has an alarm, by what its metric was in the last periods?

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

_COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def alarm_state(alarm: Mapping[str, Any], values: Sequence[float | None]) -> str:
    """The state of an alarm on one metric; ``values`` are of its evaluation periods, None where there is no data."""
    missing = alarm.get("TreatMissingData") or "missing"
    if not any(value is not None for value in values):
        states = {"notBreaching": "OK", "breaching": "ALARM", "ignore": str(alarm["StateValue"])}
        return states.get(missing, "INSUFFICIENT_DATA")
    breaches, threshold = _COMPARISONS[alarm["ComparisonOperator"]], alarm["Threshold"]
    breaching = sum(breaches(value, threshold) if value is not None else missing == "breaching" for value in values)
    return "ALARM" if breaching >= (alarm.get("DatapointsToAlarm") or len(values)) else "OK"
