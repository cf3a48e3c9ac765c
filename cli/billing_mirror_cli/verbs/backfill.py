"""``billing-mirror backfill``: insert what Stripe has and the mirror has never seen."""

from __future__ import annotations

import typer

from billing_mirror.core.runs.run import Job

from ..failures import ExitCode
from ..runs.records import Request
from ..stack.session import Session
from ..words import count
from .verify import Attach, Timeout, Types, follow, show, show_unstorable


def backfill(session: Session, types: Types = None, *, attach_only: Attach = False, timeout: Timeout = None) -> None:
    """Insert the objects of types that the mirror has never seen.

    Exit code 0: all types are complete; 3: the table cannot hold some object; 4: not yet, or not all.
    """
    request = Request(Job.BACKFILL, types or (), context=session.context)
    states = follow(session, request, attach_only=attach_only, timeout=timeout)
    show(session, states)
    inserted = sum(state.counts.inserted for state in states)
    queued = sum(state.counts.queued for state in states)
    session.output.line(f"{count(inserted, 'object')} inserted, {queued:,} queued to be fetched", "bold")
    show_unstorable(session, states)
    if any(state.counts.unstorable for state in states):
        raise typer.Exit(ExitCode.DRIFT)
    if not states or any(state.is_undecided for state in states):
        raise typer.Exit(ExitCode.UNDECIDED)
