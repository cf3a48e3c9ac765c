"""What does MiniStack's CloudWatch lack? Metrics of log lines and queues, and alarms as CloudWatch evaluates them.

On AWS, a log line in the embedded metric format becomes metrics, and SQS measures its queues each minute. MiniStack
publishes neither. It evaluates an alarm when a metric is put only, and over all metrics of the same name, whatever
their dimensions. Its CloudFormation creates no alarms on expressions, and no composite ones.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from ministack.services import cloudwatch, lambda_svc, sqs  # type: ignore[import-not-found]
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

from dev.sandbox.metrics.alarm_arithmetic import ReadMetric, evaluate
from dev.sandbox.metrics.alarm_arithmetic import metrics_of as metrics_read_by
from dev.sandbox.metrics.embedded_metrics import metrics_of

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
    plain = provisioners._cw_metric_alarm_record
    provisioners._cw_metric_alarm_record = lambda name, given: (
        _on_an_expression(name, given, plain) if given.get("Metrics") else plain(name, given)
    )
    provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {
        "create": _create_composite,
        "update": _update_composite,
        "delete": lambda name, _: cloudwatch._composite_alarms.pop(name, None),
    }


def _on_an_expression(
    name: str, given: Mapping[str, Any], plain: Callable[[str, Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """An alarm on several metrics, as MiniStack keeps one on a single metric."""
    alarm = plain(name, {**given, "Metrics": None, "MetricName": name, "Namespace": name})
    single = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")
    return {key: value for key, value in alarm.items() if key not in single} | {"Metrics": given["Metrics"]}


def _create_composite(logical_id: str, given: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    return _put_composite(provisioners._physical_name(stack, logical_id, max_len=255), given)


def _update_composite(name: str, _: object, given: Mapping[str, Any], __: str) -> tuple[str, dict[str, str]]:
    return _put_composite(name, given)


def _put_composite(name: str, given: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    status, _, answer = cloudwatch._put_composite_alarm({}, {**given, "AlarmName": name}, is_cbor=False, is_json=True)
    if status != HTTPStatus.OK:
        raise ValueError(answer)
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


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
    """Sets an alarm's state by its own metrics, and has MiniStack tell of a change."""
    now = time.time()
    points = {
        metric.key: [(point["Timestamp"], point["Value"]) for point in _points_of(metric)]
        for metric in metrics_read_by(alarm).values()
    }
    before = alarm["StateValue"]
    state = evaluate(alarm, points, now, before)
    if state == before:
        return
    reason = "as dev/sandbox/metrics/alarm_arithmetic.py computes it"
    alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(now)}
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _points_of(metric: ReadMetric) -> Sequence[Mapping[str, Any]]:
    key = (metric.namespace, metric.name, cloudwatch._dims_key(dict(metric.dimensions)))
    return cloudwatch._metrics.get(key) or ()
