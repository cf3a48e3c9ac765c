"""``billing-mirror diff``: the mirror beside Stripe now, field by field."""

from __future__ import annotations

from typing import Annotated

import typer

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation, members
from billing_mirror.reader import MirroredObject

from ..comparison import FieldDifference, compare
from ..completion import object_types
from ..failures import ExitCode
from ..json_text import one_line
from ..refs import Known, known, ref_of
from ..stack.session import Session
from ..stripe.answers import connect, observe
from ..words import count, since
from .get import find

_WIDEST = 40
"""Characters of a value that a line shows; --json has all."""


def diff(
    session: Session,
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a mirrored object.")],
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE", autocompletion=object_types, help="Its type, where two objects have the same id."
        ),
    ] = None,
) -> None:
    """Compare one object with what Stripe answers now.

    The key is that in the stack's secret; else STRIPE_API_KEY, or a prompt. Exit code 0: equal; 3: it differs.
    """
    found = find(session, object_id, type_name)
    ref = ref_of(session, found)
    observation = observe(ref, connect(session))
    # Read after Stripe: a refresh that was on its way may have ended meanwhile.
    found = find(session, object_id, found.type)
    differences = differences_of(found, observation, ref)
    state = known(session, [ref])[ref]
    _show(session, found, differences, state)
    if differences:
        raise typer.Exit(ExitCode.DRIFT)


def differences_of(found: MirroredObject, observation: Observation, ref: ObjectRef) -> list[FieldDifference]:
    """Where the mirror and Stripe differ; an object that only one of them has differs as a whole."""
    ignored = ref.object_type.ignored_fields
    here: Json = None if found.deleted else _lasting(found.body, ignored)
    there: Json = None if observation.live is None else _lasting(observation.live, ignored)
    if here is None or there is None:
        return [] if here is there else [FieldDifference("", here, there)]
    mirrored: JsonObject = {name: [*sorted(ids)] for name, ids in found.members.items()}
    listed: JsonObject = {name: [*sorted(ids)] for name, ids in members(observation).items()}
    return [*compare(here, there), *compare(mirrored, listed, "members")]


def _lasting(body: JsonObject, ignored: tuple[str, ...]) -> JsonObject:
    return {name: value for name, value in body.items() if name not in ignored}


def _show(session: Session, found: MirroredObject, differences: list[FieldDifference], state: Known) -> None:
    output, in_flight = session.output, state.in_flight(session.now())
    listed: list[Json] = [{"path": one.path, "mirror": one.mirror, "stripe": one.stripe} for one in differences]
    output.value(
        {
            "id": found.id,
            "type": found.type,
            "equal": not differences,
            "differences": listed,
            "token": found.token,
            "fetched_at": found.fetched_at,
            "in_flight": in_flight,
        }
    )
    output.line(f"{found.id}  {_verdict(differences)}", "bold yellow" if differences else "bold green")
    output.line(f"mirror: token {found.token}, fetched {since(found.fetched_at, session.now())}; Stripe: now", "dim")
    if [one for one in differences if one.path]:
        output.lines([(one.path, _short(one.mirror), "->", _short(one.stripe)) for one in differences], indent="  ")
    if in_flight:
        output.line("A refresh is on its way.")
    elif differences:
        output.remedy(f"No refresh is on its way. Request one: billing-mirror refresh {found.id}")


def _verdict(differences: list[FieldDifference]) -> str:
    if not differences:
        return "equals Stripe"
    if not differences[0].path:
        return "Stripe has no such object" if differences[0].stripe is None else "deleted here, and Stripe has it"
    return f"differs in {count(len(differences), 'field')}"


def _short(value: Json) -> str:
    text = "-" if value is None else value if isinstance(value, str) else one_line(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
