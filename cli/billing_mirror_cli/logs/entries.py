"""What a log line of a function says: about which message, request or run, and how it ended.

Only the columns that the handlers write are read. A line of another shape, such as one with the event in it that
Powertools writes on request, is left out: no body and no secret can be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from billing_mirror.core import json_body, times
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Counts, Status

FAILED = "failed"
"""The outcome of an invocation that ended without one."""
_BAD = frozenset(
    {FAILED, "error", Outcome.QUARANTINED, Metric.QUARANTINED, Metric.SIGNATURE_FAILURES, Metric.UNAVAILABLE}
)
_WELL = frozenset({"success", ""})
_CONTINUES = frozenset({"warning", Outcome.POSTPONED, Status.RUNNING})
_COUNTS_SHOWN = ("compared", "inserted", "queued", "written", "repaired", "unresolved", "in_flight", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line. ``at`` is in seconds since 1970, ``lag_ms`` in milliseconds from the event to the write.

    ``id`` is that of the object; of a run, ``type`` is what it runs over.
    """

    at: float
    function: str
    outcome: str
    reason: str = ""
    id: str = ""
    type: str = ""
    event_id: str = ""
    event_type: str = ""
    job: str = ""
    lag_ms: int | None = None
    counts: JsonObject = field(default_factory=dict)

    @property
    def needs_a_person(self) -> bool:
        return self.outcome in _BAD

    @property
    def waits(self) -> bool:
        """Whether the work continues later."""
        return self.outcome in _CONTINUES

    def to_json(self) -> JsonObject:
        return {
            "at": times.iso(self.at),
            "function": self.function,
            "outcome": self.outcome,
            "reason": self.reason,
            "id": self.id,
            "type": self.type,
            "event_id": self.event_id,
            "event_type": self.event_type,
            "job": self.job,
            "lag_ms": self.lag_ms,
            "counts": self.counts,
        }


def read_line(function: str, at: float, line: str) -> LogEntry | None:
    """The entry in a line of this function's log; None for metrics alone, and for what is no entry."""
    try:
        record = json_body.parse(line)
    except json_body.Malformed:
        return None
    message = record.get("message")
    if record.get("service") != function:
        return _ended_badly(function, at, record)
    if not isinstance(message, str):
        return None
    if isinstance(refreshed := record.get("object"), dict):
        return _refreshed(function, at, refreshed)
    if "job" in record:
        return _run(function, at, record)
    outcome = text_at(record, "outcome") or (text_at(record, "level") or "").lower()
    lag = record.get("lag_ms")
    return LogEntry(
        at=at,
        function=function,
        outcome=outcome,
        reason="" if message == outcome else _one_line(message),
        id=_id_in(record),
        type=text_at(record, "type") or "",
        event_id=text_at(record, "event_id") or "",
        event_type=text_at(record, "event_type") or text_at(record, "change") or "",
        lag_ms=lag if isinstance(lag, int) else None,
    )


def _ended_badly(function: str, at: float, record: JsonObject) -> LogEntry | None:
    """What Lambda itself writes of an invocation that failed, without the error's text, which may quote a body.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
    """
    error, status = text_at(record, "errorType"), text_at(record, "record.status") or ""
    if error:
        return LogEntry(at=at, function=function, outcome=FAILED, reason=f"unforeseen {error}")
    if record.get("type") == "platform.report" and status not in _WELL:
        return LogEntry(at=at, function=function, outcome=FAILED, reason=f"the invocation ended with {status}")
    return None


def _refreshed(function: str, at: float, columns: JsonObject) -> LogEntry:
    return LogEntry(
        at=at,
        function=function,
        outcome=text_at(columns, "outcome") or FAILED,
        reason=_one_line(text_at(columns, "reason") or ""),
        id=text_at(columns, "id") or "",
        type=text_at(columns, "type") or "",
    )


def _run(function: str, at: float, record: JsonObject) -> LogEntry:
    counts = Counts.from_item({**record}).columns()
    return LogEntry(
        at=at,
        function=function,
        outcome=text_at(record, "status") or "",
        reason=_one_line(text_at(record, "reason") or ""),
        type=text_at(record, "type") or "",
        job=text_at(record, "job") or "",
        counts={name: counts[name] for name in _COUNTS_SHOWN if counts[name]},
    )


def _id_in(record: JsonObject) -> str:
    """The id in the object's partition key, which has the scope and sometimes the type before it."""
    _, _, identifier = (text_at(record, "key") or "").partition("#")
    return identifier.removeprefix(f"{text_at(record, 'type')}/")


def _one_line(text: str) -> str:
    return " ".join(text.split())
