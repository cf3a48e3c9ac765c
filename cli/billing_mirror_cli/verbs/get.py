"""``billing-mirror get``: one object as the mirror holds it."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core.catalog import v1
from billing_mirror.reader import MirroredObject
from billing_mirror.views import Quote

from .. import mirror
from ..completion import object_types
from ..failures import Failure
from ..json_text import indented
from ..stack.session import Session
from ..words import moment, since


def get(
    session: Session,
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the object; a path, where it has none.")],
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE", autocompletion=object_types, help="Its type, where two objects have the same id."
        ),
    ] = None,
) -> None:
    """Show one object as the mirror holds it, deleted ones too."""
    found = find(session, object_id, type_name)
    session.output.value(mirror.as_json(found))
    session.output.line(f"{found.id}  {found.type}{'  deleted at Stripe' if found.deleted else ''}", "bold")
    session.output.line(f"as of {since(found.fetched_at, session.now())}, token {found.token}", "dim")
    if customer := mirror.other_customer(found):
        session.output.line(f"customer {customer}")
    if found.type == v1.QUOTE.name:
        _show_result(session, Quote.of(found))
    session.output.line(indented(found.body))


def _show_result(session: Session, quote: Quote) -> None:
    """When a quote was accepted, and the objects that it became."""
    if quote.accepted_at is None:
        return
    session.output.line(f"accepted {moment(quote.accepted_at.isoformat())}")
    became = {
        v1.INVOICE.name: quote.invoice,
        v1.SUBSCRIPTION.name: quote.subscription,
        v1.SUBSCRIPTION_SCHEDULE.name: quote.subscription_schedule,
    }
    session.output.lines([(name, made, _state(session, made, name)) for name, made in became.items() if made])


def _state(session: Session, object_id: str, type_name: str) -> str:
    found = mirror.get(session.reader, object_id, type_name)
    return mirror.status_of(found) if found is not None else "not mirrored"


def find(session: Session, object_id: str, type_name: str | None = None) -> MirroredObject:
    """The object in the mirror. Raises :class:`Failure` where the mirror has never seen it."""
    found = mirror.get(session.reader, object_id, type_name)
    if found is None:
        raise Failure(
            f"The mirror has never seen {object_id} ({session.scope})",
            f"If Stripe has it: billing-mirror refresh {object_id}",
        )
    return found
