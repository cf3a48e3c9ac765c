"""``billing-mirror list``: the objects of a type."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from billing_mirror.core import catalog
from billing_mirror.reader import MirroredObject

from .. import mirror
from ..completion import object_types
from ..stack.session import Session
from ..words import aligned, count

_BLOCK = 100
"""Lines whose cells are aligned with one another: what is shown does not wait for the end of a long list."""


def list_objects(
    session: Session,
    type_name: Annotated[
        str, typer.Argument(metavar="TYPE", autocompletion=object_types, help="An object type, such as invoice.")
    ],
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Only those of this customer.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only those with this status, of either kind."),
    ] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="ID", help="Only those below this object.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="No more than so many.")] = None,
) -> None:
    """List the objects of a type, newest first, without deleted ones."""
    wanted = islice(_found(session, type_name, customer, status, parent), limit)
    shown = 0
    while block := list(islice(wanted, _BLOCK)):
        shown += len(block)
        for one in block:
            session.output.value(mirror.as_json(one))
        for line in aligned([_cells(one) for one in block]):
            session.output.line(line)
    if not shown and type_name not in catalog.TYPES:
        raise mirror.unknown_type(type_name)
    session.output.note(count(shown, "object"))


def _found(
    session: Session, type_name: str, customer: str | None, status: str | None, parent: str | None
) -> Iterator[MirroredObject]:
    """The objects: one index answers for the most selective condition, the others are checked here."""
    for one in _query(session, type_name, customer, status, parent):
        is_of_customer = customer is None or one.customer == customer
        if is_of_customer and (status is None or status in mirror.status_of(one).split(", ")):
            yield one


def _query(
    session: Session, type_name: str, customer: str | None, status: str | None, parent: str | None
) -> Iterator[MirroredObject]:
    reader = session.reader
    if parent is not None:
        return mirror.children(reader, parent, type_name)
    if customer is not None:
        return mirror.by_customer(reader, customer, type_name)
    if status is None:
        return mirror.by_type(reader, type_name)
    return mirror.with_status(reader, type_name, status)


def _cells(one: MirroredObject) -> list[str]:
    return [one.id, mirror.status_of(one), mirror.other_customer(one), f"as of {one.fetched_at}"]
