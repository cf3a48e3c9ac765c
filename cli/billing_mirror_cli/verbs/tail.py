"""``billing-mirror tail``: what happens, as it happens."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core import times

from ..logs.entries import LogEntry
from ..logs.follower import LogFollower
from ..stack.session import Session

MINUTE = 60.0
_FUNCTION_WIDTH = 9
_OUTCOME_WIDTH = 13


def tail(
    session: Session,
    *,
    since: Annotated[
        float, typer.Option("--since", metavar="MINUTES", min=0, help="Begin with what happened so long ago.")
    ] = 1,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="MINUTES", min=0, help="Follow for so long; 0 reads once.")
    ] = None,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=1, help="How often to read.")] = 2,
) -> None:
    """Show what the functions do, live: a line for each event, message and run.

    It reads the functions' logs. Times are in UTC. Ctrl-C ends it, with exit code 130.
    """
    started = session.now()
    begin = started - since * MINUTE
    follower = LogFollower(session, begin)
    session.output.note(f"{session.stack.name}, from {times.iso(begin)}; Ctrl-C ends it")
    day = ""
    while True:
        for entry in follower.read():
            session.output.value(entry.to_json())
            if (today := times.iso(entry.at)[:10]) != day:
                day = today
                session.output.line(f"{day} UTC", "bold")
            session.output.line(_line(entry), _style(entry))
        if timeout is not None and session.now() >= started + timeout * MINUTE:
            return
        session.sleep(every)


def _line(entry: LogEntry) -> str:
    clock = times.iso(entry.at)[11:19]
    head = f"{clock}  {entry.function:<{_FUNCTION_WIDTH}}  {entry.outcome:<{_OUTCOME_WIDTH}}"
    return "  ".join([head, *filter(None, _rest(entry))]).rstrip()


def _rest(entry: LogEntry) -> list[str]:
    """The cells after the outcome; those that are empty are left out."""
    counts = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in entry.counts.items())
    return [
        f"{entry.job} {entry.type}" if entry.job else entry.id or entry.event_id,
        "" if entry.job else entry.event_type or entry.type,
        "" if entry.lag_ms is None else f"{entry.lag_ms / 1000:.1f} s",
        counts,
        entry.reason,
    ]


def _style(entry: LogEntry) -> str:
    if entry.needs_a_person:
        return "bold red"
    return "yellow" if entry.waits else ""
