"""A ping from Stripe, and whether the stack has received it: its functions log the id of each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric

from ..stack.session import Session

POLL_SECONDS = 1.0
AGAIN_SECONDS = 20.0
"""Seconds after which another ping is sent: a container reads its secrets anew once a minute at most."""
TIMEOUT_SECONDS = 120.0
_CLOCKS = 60.0
"""Seconds by which the operator's clock may be ahead of AWS's."""


class _Logs(Protocol):
    """What is used of CloudWatch Logs' client."""

    def filter_log_events(self, **request: object) -> Mapping[str, Sequence[Mapping[str, str]]]: ...


class FunctionLog:
    """The log of one function, from a moment on (seconds since 1970)."""

    def __init__(self, session: Session, function: str, since: float) -> None:
        self._client: _Logs = session.aws.client("logs")
        found = session.aws.functions.get_function_configuration(FunctionName=function)
        self._group = found.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
        self._since = int((since - _CLOCKS) * 1000)

    def has(self, member: str, value: str) -> bool:
        """Whether a line has this value of a member."""
        return any(record.get(member) == value for record in self._records(value))

    def _records(self, word: str) -> Iterator[JsonObject]:
        """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html"""
        request = {"logGroupName": self._group, "startTime": self._since, "filterPattern": f'"{word}"'}
        while True:
            page = self._client.filter_log_events(**request)
            for event in page.get("events", []):
                try:
                    yield json_body.parse(event["message"])
                except json_body.Malformed:
                    continue
            if not page.get("nextToken"):  # a page without events may have one
                return
            request = {**request, "nextToken": page["nextToken"]}


def seconds_until_seen(
    session: Session, send: Callable[[], str], function: str, *, timeout: float = TIMEOUT_SECONDS
) -> float | None:
    """Sends pings until the function logs one of them; the seconds since the first, or None after the timeout."""
    started = session.now()
    log, sent, sent_at = FunctionLog(session, function, started), [send()], started
    while True:
        if any(log.has("event_id", event_id) for event_id in sent):
            return session.now() - started
        now = session.now()
        if now - started >= timeout:
            return None
        if now - sent_at >= AGAIN_SECONDS:
            sent, sent_at = [*sent, send()], now
        session.sleep(POLL_SECONDS)


def why_not_seen(session: Session, function: str, since: float) -> str:
    """What the log says about a ping that ingest has not accepted."""
    if FunctionLog(session, function, since).has("outcome", Metric.SIGNATURE_FAILURES):
        return "a request arrived, and no stored signing secret fits its signature"
    return "no request with it has arrived"
