"""``billing-mirror verify``: compare the mirror with Stripe's lists."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core.runs.run import Job, Status

from ..completion import object_types
from ..failures import ExitCode
from ..runs.following import attach, run_now
from ..runs.records import Request, RunState, exit_code
from ..stack.session import Session
from ..words import count

MINUTE = 60.0

Types = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TYPES", autocompletion=object_types, help="Object types, such as invoice; without any, all."
    ),
]
Attach = Annotated[bool, typer.Option("--attach", help="Start nothing: follow the runs that are running.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="MINUTES", min=0, help="Follow for so long; the run continues in AWS."),
]


def verify(
    session: Session,
    types: Types = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair/--dry-run", help="Repair what differs, or find it and change nothing.")
    ] = True,
    confirm_deletions: Annotated[
        bool,
        typer.Option("--confirm-deletions", help="Let the runs remove any number of objects that Stripe removed."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every stored object whole, and not only a sample of them.")
    ] = False,
    attach_only: Attach = False,
    timeout: Timeout = None,
) -> None:
    """Compare types with Stripe's lists, and repair what differs.

    Exit code 0: equal; 3: something differed, repaired or not; 4: not known.
    """
    request = Request(
        Job.VERIFY,
        types or (),
        dry_run=not repair,
        confirm_deletions=confirm_deletions,
        deep=deep,
        context=session.context,
    )
    states = follow(session, request, attach_only=attach_only, timeout=timeout)
    show(session, states)
    conclude(session, states, exit_code(states), repair=repair)


def follow(session: Session, request: Request, *, attach_only: bool, timeout: float | None) -> list[RunState]:
    """The runs at their end, or when the time is over."""
    seconds = timeout * MINUTE if timeout is not None else None
    return attach(session, request, timeout=seconds) if attach_only else run_now(session, request, timeout=seconds)


def show(session: Session, states: list[RunState]) -> None:
    """A line for each run, and the reason of each that has one."""
    for state in states:
        session.output.value(state.to_json())
    if states:
        session.output.lines([_cells(state) for state in states])
    for state in states:
        if state.reason:
            session.output.line(f"{state.type}: {state.reason}")


def conclude(session: Session, states: list[RunState], code: ExitCode, *, repair: bool) -> None:
    """The verdict in words, and the exit code."""
    found = sum(state.counts.repaired for state in states)
    open_types = [state.type for state in states if state.is_undecided]
    what = "repaired" if repair else "to repair"
    if found:
        session.output.line(f"DRIFT  {count(found, 'object')} {what}", "bold yellow")
    show_unstorable(session, states)
    if open_types or not states:
        session.output.line(f"UNDECIDED  {', '.join(open_types) or 'no run has started yet'}", "bold yellow")
    if states and code is ExitCode.OK:
        compared = sum(state.counts.compared for state in states)
        session.output.line(f"EQUAL  {count(compared, 'object')} compared", "bold green")
    if code is not ExitCode.OK or not states:
        raise typer.Exit(code or ExitCode.UNDECIDED)


def show_unstorable(session: Session, states: list[RunState]) -> None:
    """The types of which the table cannot hold some object."""
    counts = {state.type: state.counts.unstorable for state in states if state.counts.unstorable}
    if counts:
        objects = f"{count(sum(counts.values()), 'object')} that the table cannot hold"
        session.output.line(f"DIFFERS  {objects}: {', '.join(counts)}", "bold yellow")


def _cells(state: RunState) -> list[str]:
    counts = state.counts
    parts = {
        "inserted": counts.inserted,
        "queued": counts.queued,
        "repaired": counts.repaired,
        "unresolved": counts.unresolved,
        "in flight": counts.in_flight,
        "held": counts.held,
        "unstorable": counts.unstorable,
        "false alarms": counts.false_alarms,
    }
    differing = "  ".join(f"{name} {number:,}" for name, number in parts.items() if number)
    if state.status is Status.UNAVAILABLE:
        return [state.type, "not in this account", "", "", ""]
    status = "" if state.status is Status.COMPLETE else state.status.value
    return [state.type, f"equal {counts.equal:,}", f"of {counts.compared:,}", status, differing]
