"""How much of an object does an answer show?"""

from collections.abc import Collection
from dataclasses import dataclass

from dev.fake_stripe.types.object_types import Body, ObjectType

from .protocol import ApiError, Params
from .sublists import cut, with_ids_only, without


@dataclass(frozen=True)
class Asked:
    """What a request asked for beyond what everybody gets."""

    fields: frozenset[str] = frozenset()
    sublist_size: int | None = None
    """Entries of a list inside an object; None for all."""


def everything(row: ObjectType) -> Asked:
    return Asked(frozenset(row.seen_on_request))


def asked(row: ObjectType, params: Params, sublist_size: int, *, in_list: bool) -> Asked:
    """`include` of v2, `expand` of v1: in a list its paths begin with `data.`."""
    name = "expand" if row.is_v1 else "include"
    wanted = params.lists.get(name, [])
    known = {f"data.{path}" if in_list and row.is_v1 else path: path for path in row.seen_on_request}
    unknown = [path for path in wanted if path not in known]
    if unknown and row.is_v1:
        raise ApiError(400, f"This property cannot be expanded ({unknown[0]}).", param="expand")
    if unknown:
        message = f"include: one of {', '.join(known)}"
        raise ApiError(400, message, code="invalid_parameter", param="include")
    return Asked(frozenset(known[path] for path in wanted), sublist_size)


def render(row: ObjectType, body: Body, others: Body, given: Asked) -> Body:
    """The object as it is sent: `others` embedded, fields hidden that were not asked for."""
    shown = body | others
    for path in _unasked(row, given.fields):
        shown = _hidden(row, shown, path)
    if given.sublist_size is not None:
        shown = cut(row, shown, given.sublist_size)
    return _without_nulls(shown) if row.omits_nulls else shown


def unasked(row: ObjectType, body: Body, sublist_size: int) -> Body:
    """What is shown to somebody who asked for nothing."""
    return render(row, body, {}, Asked(sublist_size=sublist_size))


def _hidden(row: ObjectType, body: Body, path: str) -> Body:
    """The body without what is there on request only; each API has its own way of not showing it."""
    if path in row.spelled_out:
        return with_ids_only(body, path)
    return without(body, path) if row.is_v1 else body | {path: None}


def _unasked(row: ObjectType, fields: Collection[str]) -> list[str]:
    return [path for path in row.seen_on_request if path not in fields]


def _without_nulls(body: Body) -> Body:
    """v2 leaves out some nulls; the reference's sample of a rate card subscription shows it."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }
