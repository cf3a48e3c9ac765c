"""SQS batch -> refresh -> batchItemFailures."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.adapters.metric_counts import MISSING_FIELD, MetricCounts
from billing_mirror.core.events.messages import WEBHOOK_GROUP, Notification
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric
from billing_mirror.core.stripe_api.account import SENTENCE
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ReceivedMessage
from billing_mirror.settings import ProcessSettings
from billing_mirror.wiring.event_loop import runner
from billing_mirror.wiring.refresh import process_dependencies

SPARE_SECONDS = 10.0
"""Reserved for postponing and reporting what is not done."""

settings = ProcessSettings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(stack=settings.stack_name)
metric_counts = MetricCounts()
loop = runner()
dependencies = process_dependencies(settings, metric_counts)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    started = time.time()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    batch = [_received(record) for record in SQSEvent(event).records]
    results = loop.run(process_batch(batch, dependencies, deadline=deadline))
    for result in results:
        _report(result, started)
    counts = metric_counts.drain()
    if Metric.WRONG_ACCOUNT in counts:
        logger.error(SENTENCE)
    for missing in metric_counts.drain_missing_fields():
        logger.error(MISSING_FIELD, extra=missing)
    for metric, count in counts.items():
        metrics.add_metric(metric, MetricUnit.Count, count)
    return {
        "batchItemFailures": [{"itemIdentifier": result.item.received.message_id} for result in results if result.retry]
    }


def _received(record: SQSRecord) -> ReceivedMessage:
    return ReceivedMessage(
        message_id=record.message_id,
        receipt=record.receipt_handle,
        body=record.body,
        sent_at=int(record.attributes.sent_timestamp) / 1000,
        receive_count=int(record.attributes.approximate_receive_count),
        group=str(record.attributes.get("MessageGroupId") or ""),
    )


def _is_pushed(result: MessageResult) -> bool:
    """Whether Stripe sent the message. What reconcile sends is always of the key's mode."""
    received = result.item.received
    is_ours = bool(received.group) and not received.group.endswith(WEBHOOK_GROUP)
    return isinstance(result.item.message, Notification) and not is_ours


def _report(result: MessageResult, started: float) -> None:
    """One log line, one count and the delays of one message."""
    metrics.add_metric(result.outcome.metric, MetricUnit.Count, 1)
    if _is_pushed(result) and result.outcome is not Outcome.OTHER_MODE:
        metrics.add_metric(Metric.OTHER_MODE, MetricUnit.Count, 0)
    metrics.add_metric(
        Metric.QUEUE_DELAY, MetricUnit.Milliseconds, max(0.0, started - result.item.received.sent_at) * 1000
    )
    message, ref = result.item.message, result.item.ref
    event = message if isinstance(message, Notification) else None
    lag = (result.stored_at - event.created.timestamp()) * 1000 if event and result.stored_at else None
    if lag is not None:
        metrics.add_metric(Metric.EVENT_TO_STORED_LAG, MetricUnit.Milliseconds, max(0.0, lag))
    log = logger.warning if result.reason else logger.info
    log(
        result.reason or result.outcome,
        extra={
            "outcome": result.outcome,
            "event_id": event.id if event else None,
            "event_type": event.type if event else None,
            "type": ref.type if ref else None,
            "key": ref.key if ref else None,
            "lag_ms": round(lag) if lag is not None else None,
            "receive_count": result.item.received.receive_count,
            "trace": result.trace or None,
        },
    )
