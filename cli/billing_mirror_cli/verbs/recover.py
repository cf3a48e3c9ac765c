"""``billing-mirror recover``: queue the events that were lost."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core.runs.run import Job, Status

from ..failures import ExitCode
from ..runs.records import Request
from ..stack.session import Session
from ..words import count, since
from .verify import Attach, Timeout, follow


def recover(
    session: Session,
    *,
    until_now: Annotated[
        bool, typer.Option("--until-now", help="Read the last two minutes too, whose webhooks may be on their way.")
    ] = False,
    again_from: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Read the events from then on again: a day (2026-11-28) or a time; at most 30 days back.",
        ),
    ] = "",
    attach_only: Attach = False,
    timeout: Timeout = None,
) -> None:
    """Read Stripe's list of events, and queue those that the mirror does not reflect.

    Exit code 0: all were read; 4: not yet.
    """
    request = Request(Job.RECOVER, until_now=until_now, since=again_from, context=session.context)
    states = follow(session, request, attach_only=attach_only, timeout=timeout)
    for state in states:
        session.output.value(state.to_json())
        read, queued = state.counts.compared, state.counts.queued
        session.output.line(f"{count(read, 'event')} read, {count(queued, 'lost event')} queued", "bold")
        if state.watermark:
            session.output.line(f"All events are read until {since(state.watermark, session.now())}.")
        if state.reason:
            session.output.line(state.reason)
    if not until_now:
        session.output.note("Events of the last two minutes are left to their webhooks; --until-now reads them, too.")
    if not states or any(state.status is not Status.COMPLETE for state in states):
        raise typer.Exit(ExitCode.UNDECIDED)
