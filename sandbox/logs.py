"""What the deployed functions have logged: their lines, and the metrics among them."""

import json
import math
from collections.abc import Iterator
from typing import Any

from mypy_boto3_logs import CloudWatchLogsClient


def lines(logs: CloudWatchLogsClient) -> Iterator[str]:
    """Every line of every log group."""
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for page in pages:
            for event in page["events"]:
                yield event["message"]


def records(logs: CloudWatchLogsClient) -> Iterator[dict[str, Any]]:
    """Lines that are JSON objects: the functions' own."""
    for line in lines(logs):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def metric(
    logs: CloudWatchLogsClient, name: str, *, service: str, since: float = 0.0, until: float = math.inf
) -> list[float]:
    """The values of one metric that a function emitted between two times, in seconds since 1970."""
    values: list[float] = []
    for record in records(logs):
        if record.get("service") != service or "_aws" not in record or name not in record:
            continue
        if since <= record["_aws"]["Timestamp"] / 1000 <= until:
            value = record[name]
            values += value if isinstance(value, list) else [value]
    return values
