"""``billing-mirror quarantine``: what could not be processed, why, and what becomes of it."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core import times

from ..failures import usage
from ..options import add_verb
from ..prompts import confirm
from ..quarantine import Group, Held, Quarantined, delete, held, retention, send_back
from ..stack.session import Session
from ..words import age, count, since

_MOST = 1000
_TYPES_SHOWN = 3

quarantine = typer.Typer(help="See, retry or drop the messages that could not be processed.", no_args_is_help=True)
Names = Annotated[
    list[str] | None, typer.Argument(metavar="GROUP", help="Groups, as list names them, or ids of messages.")
]
All = Annotated[bool, typer.Option("--all", help="All messages.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Receive so many messages at most.")]


def list_groups(session: Session, *, limit: Limit = _MOST) -> None:
    """List the messages in quarantine, grouped by reason.

    They are hidden from other receivers for as long as the command runs.
    """
    with held(session, limit) as holding:
        groups = holding.groups()
    output, now = session.output, session.now()
    for group in groups:
        output.value(
            {
                "group": group.name,
                "reason": group.reason,
                "messages": [message.id for message in group.messages],
                "types": [*group.types],
                "newest_at": times.iso(group.newest),
            }
        )
    if not groups:
        output.line("The quarantine is empty.", "bold green")
        return
    oldest = now - min(message.sent_at for message in holding.messages)
    output.line(
        f"{count(len(holding.messages), 'message')}, {count(len(groups), 'reason')}; "
        f"the oldest is {age(oldest)} old, and SQS deletes it in {age(retention(session) - oldest)}",
        "bold",
    )
    for group in groups:
        output.line(f"{group.name}  {len(group.messages):>5,}  {group.reason}")
        output.line(f"{'':<15}{_about(group)}, newest {since(times.iso(group.newest), now)}", "dim")
    output.remedy("After mending the cause: billing-mirror quarantine retry GROUP")


def show(session: Session, names: Names = None, *, every: All = False, limit: Limit = _MOST) -> None:
    """Show messages whole, with their reasons."""
    with held(session, limit) as holding:
        selected = _select(holding, names, every=every)
    for message in selected:
        session.output.value(message.to_json())
        session.output.line(f"{message.id}  group {message.group}", "bold")
        session.output.line(f"sent {since(times.iso(message.sent_at), session.now())}", "dim")
        session.output.line(message.reason)
        session.output.line(message.body)


def retry(session: Session, names: Names = None, *, every: All = False, limit: Limit = _MOST) -> None:
    """Send messages back to the queue; they are processed as if they had just arrived."""
    with held(session, limit) as holding:
        selected = _select(holding, names, every=every)
        for message in selected:
            send_back(session, message, holding)
    session.output.value({"retried": [message.id for message in selected]})
    session.output.line(f"{count(len(selected), 'message')} sent back to the queue.")
    session.output.note("What fails again returns to quarantine with its reason.")


def drop(
    session: Session,
    names: Names = None,
    *,
    every: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    limit: Limit = _MOST,
) -> None:
    """Delete messages. Verify finds what they announced about the types that it compares."""
    with held(session, limit) as holding:
        selected = _select(holding, names, every=every)
        if selected and not yes:
            confirm(f"Delete {count(len(selected), 'message')}?")
        for message in selected:
            delete(session, message, holding)
    session.output.value({"dropped": [message.id for message in selected]})
    session.output.line(f"{count(len(selected), 'message')} deleted.")


def _select(holding: Held, names: list[str] | None, *, every: bool) -> list[Quarantined]:
    if every is bool(names):
        raise usage("Name groups or messages, or give --all", "billing-mirror quarantine list names the groups")
    return holding.messages if every else holding.select(names or [])


def _about(group: Group) -> str:
    more = f" and {len(group.types) - _TYPES_SHOWN} more types" if len(group.types) > _TYPES_SHOWN else ""
    types = ", ".join(group.types[:_TYPES_SHOWN]) + more
    object_id = group.messages[0].about[1] if len(group.messages) == 1 else ""
    return f"{types} {object_id}".rstrip()


add_verb(quarantine, list_groups, name="list")
add_verb(quarantine, show)
add_verb(quarantine, retry)
add_verb(quarantine, drop)
