"""Which fields of an object does an answer show?"""

from dataclasses import dataclass

from dev.fake_stripe.types.object_types import Body, ObjectType

from .expansion import expanded, hide, is_within_reach
from .protocol import ApiError, Params
from .sublists import cut


@dataclass(frozen=True)
class Expansion:
    """The optional fields that a request expands or includes."""

    fields: frozenset[str] = frozenset()
    sublist_size: int | None = None
    """Entries of a list inside an object; None for all."""


def full_expansion(object_type: ObjectType) -> Expansion:
    """Everything that a request for one object can ask for."""
    return Expansion(frozenset(path for path in object_type.optional_fields if is_within_reach(path)))


def expansion(object_type: ObjectType, params: Params, sublist_size: int, *, in_list: bool) -> Expansion:
    """`include` of v2, `expand` of v1, whose paths begin with `data.` in a list."""
    known = object_type.optional_fields
    if object_type.is_v1:
        return Expansion(expanded(params, known, in_list=in_list), sublist_size)
    wanted = params.lists.get("include", [])
    if not set(wanted) <= set(known):
        message = f"include: one of {', '.join(known)}"
        raise ApiError(400, message, code="invalid_parameter", param="include")
    return Expansion(frozenset(wanted), sublist_size)


def render(object_type: ObjectType, body: Body, others: Body, given: Expansion) -> Body:
    """The object as Stripe sends it: `others` embedded, without optional fields unless `given` names them."""
    shown = body | others
    for path in object_type.optional_fields:
        shown = _without_field(object_type, shown, path, given)
    if given.sublist_size is not None:
        shown = cut(object_type, shown, given.sublist_size)
    return _without_nulls(shown) if object_type.omits_nulls else shown


def render_default(object_type: ObjectType, body: Body, sublist_size: int) -> Body:
    """The object as Stripe sends it without `expand` or `include`."""
    return render(object_type, body, {}, Expansion(sublist_size=sublist_size))


def _without_field(object_type: ObjectType, body: Body, path: str, given: Expansion) -> Body:
    """The body without an optional field; v1 leaves the field out or shows ids, v2 shows null."""
    if object_type.is_v1:
        return hide(body, path, given.fields, to_ids=path in object_type.ids_unless_expanded)
    return body if path in given.fields else body | {path: None}


def _without_nulls(body: Body) -> Body:
    """v2 leaves out some nulls; the reference's sample of a rate card subscription shows it."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }
