"""``billing-mirror history``: what has changed in an object, and when."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import Change, MirroredObject

from .. import mirror
from ..comparison import compare
from ..json_text import one_line
from ..stack.session import Session
from ..words import moment
from .get import find

MOST = 20


def history(
    session: Session,
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the object; a path, where it has none.")],
    type_name: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Its type, where two objects have the same id."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Changes to show, at most.")] = MOST,
) -> None:
    """Show the changes of an object, newest first, with each field before and after; it needs a history."""
    now = find(session, object_id, type_name)
    after: MirroredObject | None = now
    changes = [*islice(mirror.history(session.reader, now.id, now.type), limit)]
    for change in changes:
        session.output.value(_as_json(change))
        _show(session, change, after)
        after = change.former if not change.gap else None
    if not changes:
        session.output.line(f"{now.id} has not changed since its history is kept; as of {moment(now.fetched_at)}")


def _show(session: Session, change: Change, after: MirroredObject | None) -> None:
    by = f"event {change.event_id}" if change.announced else "no event announced it; the fetch that showed it"
    session.output.line(f"{moment(change.at)}  {change.kind}  token {change.token}  {by}", "bold")
    if change.gap:
        session.output.line(
            f"  changes before this one are missing; the state before is of {moment(change.former_since)}"
        )
    if change.kind == "updated" and change.former is not None and after is not None:
        for found in compare(change.former.body, after.body):
            session.output.line(f"  {found.path}: {one_line(found.mirror)} -> {one_line(found.stripe)}")


def _as_json(change: Change) -> JsonObject:
    former: Json = mirror.as_json(change.former) if change.former is not None else None
    return {
        "token": change.token,
        "kind": change.kind,
        "at": change.at,
        "announced": change.announced,
        "event_id": change.event_id,
        "fetched_at": change.fetched_at,
        "gap": change.gap,
        "former_since": change.former_since,
        "former": former,
    }
