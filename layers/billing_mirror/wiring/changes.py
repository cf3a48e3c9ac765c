"""Builds what changes needs: nothing of Stripe's."""

import boto3

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.event_bus import EventBridgeBus
from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.adapters.table.history import DynamoHistory
from billing_mirror.adapters.table.stream import read_record, sequence_of
from billing_mirror.changes.dependencies import ChangesDependencies
from billing_mirror.settings import ChangesSettings


def changes_dependencies(settings: ChangesSettings) -> ChangesDependencies:
    """What changes needs."""
    url = settings.dead_letters_url
    bus = EventBridgeBus(boto3.client("events", config=QUICK), settings.event_bus) if settings.event_bus else None
    history = DynamoHistory(boto3.client("dynamodb", config=QUICK), settings.table_name)
    return ChangesDependencies(
        SystemClock(),
        read_record,
        sequence_of,
        SqsQueue(boto3.client("sqs", config=QUICK), url, url),
        bus,
        history if settings.history_days else None,
        settings.history_days,
    )
