"""``billing-mirror refresh``: have objects fetched again now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.objects_request import MAX_OBJECTS, REFRESH, ObjectsRequest

from .. import mirror
from ..completion import object_types
from ..failures import ExitCode, usage
from ..refs import ref_of
from ..runs.invocation import Invocation
from ..runs.records import capitalized
from ..stack.session import Session
from ..words import count

POLL_SECONDS = 1.0


def refresh(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of objects, mirrored or not.")],
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE", autocompletion=object_types, help="Their type, where the ids do not say it."
        ),
    ] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="ID", help="Their parent, where Stripe's URL needs it.")
    ] = None,
) -> None:
    """Fetch objects from Stripe again now, and store them.

    Exit code 0: all are stored; 1: not all, with the reason of each.
    """
    missing = 0
    for one in refreshed(session, ids, type_name, parent):
        missing += one.get("outcome") is None
        session.output.value(one)
        session.output.line(f"{one['id']}  {one.get('outcome') or one.get('reason')}")
    if missing:
        session.output.note(f"{count(missing, 'object')} not refreshed")
        raise typer.Exit(ExitCode.FAILED)


def refreshed(
    session: Session, ids: Sequence[str], type_name: str | None = None, parent: str | None = None
) -> Iterator[JsonObject]:
    """Has objects fetched again; what became of each: its ``outcome``, or the ``reason`` why it has none.

    Raises :class:`Failure` where reconcile would refuse, before anything is requested.
    """
    named = [_named(session, object_id, type_name, parent) for object_id in dict.fromkeys(ids)]
    payloads = [_payload(session, named[start : start + MAX_OBJECTS]) for start in range(0, len(named), MAX_OBJECTS)]
    for payload in payloads:
        yield from _answered(session, payload)


def _named(session: Session, object_id: str, type_name: str | None, parent: str | None) -> JsonObject:
    """The object as reconcile wants it named: a mirrored one with its type, and its parent where the URL needs it."""
    found = mirror.get(session.reader, object_id, type_name)
    if found is not None:
        ref = ref_of(session, found)
        return _given(ref.id, ref.type, ref.parent)
    return _given(object_id, type_name, parent)


def _given(object_id: str, type_name: str | None, parent: str | None) -> JsonObject:
    named = {"id": object_id, "type": type_name, "parent": parent}
    return {name: text for name, text in named.items() if text is not None}


def _payload(session: Session, named: list[JsonObject]) -> JsonObject:
    """The request. Raises :class:`Failure` with reconcile's own sentence where it would refuse."""
    context: JsonObject = {"context": session.context} if session.context else {}
    payload: JsonObject = {"job": REFRESH, "ids": [*named], **context}
    try:
        ObjectsRequest.parse(payload, livemode=session.mode.livemode)
    except InvalidRequest as error:
        raise usage(capitalized(str(error)), "--type and --parent say what an id does not") from error
    return payload


def _answered(session: Session, payload: JsonObject) -> list[JsonObject]:
    """What became of each object."""
    invocation = Invocation(session.aws.functions, session.stack.reconcile_function, payload)
    while not invocation.ended:
        invocation.wait(POLL_SECONDS)
    answer = invocation.answer  # of a function that has failed it raises
    if invocation.lost is not None:
        raise invocation.lost
    objects: Json = answer.get("objects")
    return [one for one in objects if isinstance(one, dict)] if isinstance(objects, list) else []
