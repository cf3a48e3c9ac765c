"""What does MiniStack's CloudWatch lack? Metrics of log lines and queues, and alarms that mind dimensions and silence.

On AWS, a log line in the embedded metric format becomes metrics, and SQS measures its queues each minute. MiniStack
publishes neither. It evaluates an alarm when a metric is put only, and over all metrics of the same name, whatever
their dimensions.
"""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch, lambda_svc, sqs  # type: ignore[import-not-found]

from dev.sandbox.alarm_state import alarm_state
from dev.sandbox.embedded_metrics import metrics_of

_SAMPLE_SECONDS = 1.0
_lock = threading.Lock()
_sampled_at = 0.0


def install() -> None:
    """Has MiniStack measure and evaluate after each invocation of a function, and before each answer of CloudWatch."""
    keep_log, forget_old = lambda_svc._emit_lambda_logs, cloudwatch._evict_old_metrics

    def keep_log_and_metrics(
        function: Mapping[str, Any], request_id: str, text: str, *arguments: object, **named: object
    ) -> None:
        keep_log(function, request_id, text, *arguments, **named)
        with _lock:
            _publish(text)
            _measure_and_evaluate(time.time())

    def forget_old_and_measure() -> None:
        with _lock:
            forget_old()
            _measure_and_evaluate(time.time())

    lambda_svc._emit_lambda_logs = keep_log_and_metrics
    cloudwatch._evict_old_metrics = forget_old_and_measure
    cloudwatch._evaluate_alarm = _evaluate


def _publish(log: str) -> None:
    for line in log.splitlines():
        if '"CloudWatchMetrics"' not in line:
            continue
        for datum in metrics_of(json.loads(line)):
            cloudwatch._store_datum(
                datum.namespace,
                datum.name,
                dict(datum.dimensions),
                datum.at,
                datum.unit,
                None,
                datum.values,
                None,
                None,
            )


def _measure_and_evaluate(now: float) -> None:
    """Measures the queues, and evaluates the alarms; once a second at most."""
    global _sampled_at  # one emulator runs in this process
    if now - _sampled_at < _SAMPLE_SECONDS:
        return
    _sampled_at = now
    for queue in [*sqs._queues.values()]:
        for name, value in _measured(queue, now).items():
            cloudwatch.record_metric("AWS/SQS", name, value, "Count", {"QueueName": queue["name"]})
    cloudwatch._evaluate_all_alarms()


def _measured(queue: Mapping[str, Any], now: float) -> dict[str, float]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    messages = [*queue["messages"]]
    visible = [one for one in messages if one["visible_at"] <= now]
    in_flight = [one for one in messages if one["visible_at"] > now and one["receive_count"]]
    # A message that was received more than three times does not count.
    ages = [now - one["sent_at"] for one in visible + in_flight if one["receive_count"] <= 3]
    return {
        "ApproximateNumberOfMessagesVisible": len(visible),
        "ApproximateNumberOfMessagesNotVisible": len(in_flight),
        "ApproximateAgeOfOldestMessage": max(ages, default=0.0),
    }


def _evaluate(alarm: dict[str, Any]) -> None:
    """Sets an alarm's state by its own metric, and has MiniStack tell of a change."""
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    if not alarm.get("MetricName") or not statistic:
        return
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions") or [])
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    now, period = time.time(), alarm["Period"]
    periods: list[list[Any]] = [[] for _ in range(alarm["EvaluationPeriods"])]
    for point in cloudwatch._metrics.get(key) or []:
        number = int((now - point["Timestamp"]) // period)
        if 0 <= number < len(periods):
            periods[number].append(point)
    values = [
        cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points) if points else None
        for points in periods
    ]
    before, state = alarm["StateValue"], alarm_state(alarm, values)
    if state == before:
        return
    reason = f"{statistic} of the last periods, newest first: {values}"
    alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(now)}
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
