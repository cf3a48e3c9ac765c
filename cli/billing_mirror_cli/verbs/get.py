"""``billing-mirror get``: one object as the mirror holds it."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.reader import MirroredObject

from .. import mirror
from ..failures import Failure
from ..json_text import indented
from ..stack.session import Session
from ..words import since


def get(
    session: Session,
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the object; a path, where it has none.")],
    type_name: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Its type, where two objects have the same id."),
    ] = None,
) -> None:
    """Show one object as the mirror holds it, deleted ones too."""
    found = find(session, object_id, type_name)
    session.output.value(mirror.as_json(found))
    session.output.line(f"{found.id}  {found.type}{'  deleted at Stripe' if found.deleted else ''}", "bold")
    session.output.line(f"as of {since(found.fetched_at, session.now())}, token {found.token}", "dim")
    if found.customer:
        session.output.line(f"customer {found.customer}")
    session.output.line(indented(found.body))


def find(session: Session, object_id: str, type_name: str | None = None) -> MirroredObject:
    """The object in the mirror. Raises :class:`Failure` where the mirror has never seen it."""
    found = mirror.get(session.reader, object_id, type_name)
    if found is None:
        raise Failure(
            f"The mirror has never seen {object_id} ({session.scope})",
            f"If Stripe has it: billing-mirror refresh {object_id}",
        )
    return found
