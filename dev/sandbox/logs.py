"""What have the deployed functions logged: which lines, and which metrics?"""

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a tool for types: no program may need it
    from mypy_boto3_logs import CloudWatchLogsClient


def lines(logs: "CloudWatchLogsClient") -> Iterator[str]:
    """Every line of every log group."""
    for group in logs.describe_log_groups()["logGroups"]:
        yield from _lines_of(group["logGroupName"], logs)


def _lines_of(group: str, logs: "CloudWatchLogsClient") -> Iterator[str]:
    """Reads from time to time: the emulator returns the first ten thousand events and no token for the next page."""
    since = known = 0
    while events := logs.filter_log_events(logGroupName=group, startTime=since)["events"][known:]:
        yield from (event["message"] for event in events)
        last = events[-1]["timestamp"]
        known = sum(event["timestamp"] == last for event in events) + (known if last == since else 0)
        since = last


def records(logs: "CloudWatchLogsClient") -> Iterator[dict[str, Any]]:
    """Lines that are JSON objects: the functions' own."""
    for line in lines(logs):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def metric(
    logs: "CloudWatchLogsClient", name: str, *, service: str, since: float = 0.0, until: float = math.inf
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
