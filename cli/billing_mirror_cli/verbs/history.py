"""``billing-mirror history``: what has changed in an object, and when."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core.json_body import Json, JsonObject

from .. import mirror
from ..completion import object_types
from ..failures import Failure
from ..json_text import one_line
from ..moved import Moved, Unmoved, moved, unmoved
from ..stack.session import Session
from ..words import moment
from .get import find

MOST = 20


def history(
    session: Session,
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the object; a path, where it has none.")],
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE", autocompletion=object_types, help="Its type, where two objects have the same id."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Changes to show, at most.")] = MOST,
) -> None:
    """Show the changes of an object, newest first, with each field before and after; it needs a history."""
    found = find(session, object_id, type_name)
    empty = True
    for one in moved(session.reader, found.id, found.type, limit, session.now()):
        session.output.value(_as_json(one))
        _show(session, one)
        empty = False
    if empty and session.stack.parameters.get("HistoryDays", "0") == "0":
        raise Failure("The stack keeps no history", "Deploy with HistoryDays; docs/changes.md says how")
    if empty:
        _show_unmoved(session, found.id, unmoved(session.reader, found.id, found.type, session.now()))


def _show(session: Session, one: Moved) -> None:
    change = one.change
    by = f"event {change.event_id}" if change.announced else "no event announced it; the fetch that showed it"
    session.output.line(f"{moment(change.at)}  {change.kind}  token {change.token}  {by}", "bold")
    for note in one.notes:
        session.output.line(f"  {note}")
    for found in one.fields:
        session.output.line(f"  {found.path}: {one_line(found.mirror)} -> {one_line(found.stripe)}")


def _show_unmoved(session: Session, object_id: str, one: Unmoved) -> None:
    if one.is_kept:
        text = f"{object_id} has not changed since {moment(one.since)}; changes before that may be missing"
    elif one.since:
        known = f"its state is known only since its last fetch, {moment(one.since)}"
        text = f"No change of {object_id} is kept, and changes may be missing: {known}"
    else:
        text = f"No change of {object_id} is kept, and changes may be missing: since when its state holds is not known"
    session.output.value({"kind": "unchanged" if one.is_kept else "unknown", "since": one.since, "notes": [text]})
    session.output.line(text)


def _as_json(one: Moved) -> JsonObject:
    change = one.change
    former: Json = mirror.as_json(change.former) if change.former is not None else None
    return {
        "token": change.token,
        "kind": change.kind,
        "at": change.at,
        "announced": change.announced,
        "event_id": change.event_id,
        "fetched_at": change.fetched_at,
        "gap": change.gap,
        "gap_after": change.gap_after,
        "former_since": change.former_since,
        "former": former,
        "notes": [*one.notes],
    }
