"""Following the functions' logs in CloudWatch Logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ..stack.session import Session
from .entries import LogEntry, read_line

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef, FilterLogEventsRequestTypeDef

OVERLAP_MS = 30_000
"""Milliseconds that are read again each time: CloudWatch shows lines in another order than they were written in."""


class LogFollower:
    """Reads the logs of all functions again and again, and gives each entry once."""

    def __init__(self, session: Session, since: float) -> None:
        """``since`` is in seconds since 1970."""
        self._session = session
        self._groups = {function: _group_of(session, name) for function, name in _functions(session).items()}
        self._since = {function: int(since * 1000) for function in self._groups}
        self._shown: dict[str, set[tuple[str, ...]]] = {function: set() for function in self._groups}

    def read(self) -> list[LogEntry]:
        """The entries that no earlier call has given, the oldest first."""
        found = [entry for function in self._groups for entry in self._read(function)]
        return sorted(found, key=lambda entry: entry.at)

    def _read(self, function: str) -> Iterator[LogEntry]:
        shown, since = self._shown[function], self._since[function]
        lines = list(_lines(self._session, self._groups[function], since))
        known = dict(_identified(lines))
        # What is older than the overlap is not read again, so it needs not be remembered.
        self._shown[function] = set(known)
        newest = max((line["timestamp"] for line in lines), default=0)
        self._since[function] = max(since, newest - OVERLAP_MS)
        for identity, line in known.items():
            if identity in shown:
                continue
            entry = read_line(function, line["timestamp"] / 1000, line["message"])
            if entry is not None:
                yield entry


def _functions(session: Session) -> dict[str, str]:
    """The stack's functions, by the service that their log lines name."""
    stack = session.stack
    named = {
        "ingest": stack.ingest_function,
        "process": stack.process_function,
        "reconcile": stack.reconcile_function,
        "changes": stack.changes_function,
    }
    return {function: name for function, name in named.items() if name}


def _group_of(session: Session, function: str) -> str:
    """The log group that a function writes to."""
    configuration = session.aws.functions.get_function_configuration(FunctionName=function)
    return configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"


def _lines(session: Session, group: str, since: int) -> Iterator[FilteredLogEventTypeDef]:
    """The lines of a group from a time on, in milliseconds. A group that no function has written to has none."""
    request: FilterLogEventsRequestTypeDef = {"logGroupName": group, "startTime": since}
    while True:
        try:
            page = session.aws.logs.filter_log_events(**request)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return
            raise
        yield from page["events"]
        if "nextToken" not in page:
            return
        request["nextToken"] = page["nextToken"]


def _identified(
    lines: list[FilteredLogEventTypeDef],
) -> Iterator[tuple[tuple[str, ...], FilteredLogEventTypeDef]]:
    """The lines with what tells each from all others: its id, or, in the emulator, what it is and the how manieth."""
    repeated: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        identity = (line.get("eventId") or "", line["logStreamName"], str(line["timestamp"]), line["message"])
        repeated[identity] += 1
        yield (*identity, str(repeated[identity])), line
