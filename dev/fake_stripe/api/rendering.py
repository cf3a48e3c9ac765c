"""Which fields of an object does an answer show?"""

from collections.abc import Collection
from dataclasses import dataclass

from dev.fake_stripe.types.object_types import Body, ObjectType

from .protocol import ApiError, Params
from .sublists import cut, with_ids_only, without


@dataclass(frozen=True)
class Expansion:
    """The optional fields that a request expands or includes."""

    fields: frozenset[str] = frozenset()
    sublist_size: int | None = None
    """Entries of a list inside an object; None for all."""


def full_expansion(object_type: ObjectType) -> Expansion:
    return Expansion(frozenset(object_type.optional_fields))


def expansion(object_type: ObjectType, params: Params, sublist_size: int, *, in_list: bool) -> Expansion:
    """`include` of v2, `expand` of v1, whose paths begin with `data.` in a list."""
    name = "expand" if object_type.is_v1 else "include"
    wanted = params.lists.get(name, [])
    known = {f"data.{path}" if in_list and object_type.is_v1 else path: path for path in object_type.optional_fields}
    unknown = [path for path in wanted if path not in known]
    if unknown and object_type.is_v1:
        raise ApiError(400, f"This property cannot be expanded ({unknown[0]}).", param="expand")
    if unknown:
        message = f"include: one of {', '.join(known)}"
        raise ApiError(400, message, code="invalid_parameter", param="include")
    return Expansion(frozenset(known[path] for path in wanted), sublist_size)


def render(object_type: ObjectType, body: Body, others: Body, given: Expansion) -> Body:
    """The object as Stripe sends it: `others` embedded, without optional fields unless `given` names them."""
    shown = body | others
    for path in _omitted(object_type, given.fields):
        shown = _without_field(object_type, shown, path)
    if given.sublist_size is not None:
        shown = cut(object_type, shown, given.sublist_size)
    return _without_nulls(shown) if object_type.omits_nulls else shown


def render_default(object_type: ObjectType, body: Body, sublist_size: int) -> Body:
    """The object as Stripe sends it without `expand` or `include`."""
    return render(object_type, body, {}, Expansion(sublist_size=sublist_size))


def _without_field(object_type: ObjectType, body: Body, path: str) -> Body:
    """The body without an optional field; v1 leaves the field out or shows ids, v2 shows null."""
    if path in object_type.expandable_objects:
        return with_ids_only(body, path)
    return without(body, path) if object_type.is_v1 else body | {path: None}


def _omitted(object_type: ObjectType, fields: Collection[str]) -> list[str]:
    return [path for path in object_type.optional_fields if path not in fields]


def _without_nulls(body: Body) -> Body:
    """v2 leaves out some nulls; the reference's sample of a rate card subscription shows it."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }
