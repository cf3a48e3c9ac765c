"""Which objects does a list show?"""

from collections.abc import Callable, Collection

from dev.fake_stripe.account.state import View
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, Filter, ObjectType

from .protocol import ApiError, Params, not_found
from .sublists import at

PAGE_PARAMS = frozenset({"limit", "page"})
V1_PAGE_PARAMS = frozenset({"limit", "starting_after", "ending_before", "expand"})


def passing(view: View, object_type: ObjectType, params: Params, settings: Body) -> Callable[[Body], bool]:
    """A predicate of the query's filters and the type's own rules; a query that Stripe refuses raises an error."""
    check_params(object_type, params)
    filters = [each for each in object_type.filters if each.name in params.names]
    _check_filters(view, object_type, filters, params)
    hides = _left_out_by_default(object_type, params, settings)

    def passes(body: Body) -> bool:
        return not hides(body) and all(
            _passes(_source(view, object_type, each, body), each, params) for each in filters
        )

    return passes


def check_params(object_type: ObjectType, params: Params, also: Collection[str] = ()) -> None:
    known = (
        {each.name for each in object_type.filters} | (V1_PAGE_PARAMS if object_type.is_v1 else PAGE_PARAMS) | set(also)
    )
    known |= {"created"} if object_type.is_v1 and object_type.created and object_type.listed_by_creation else set()
    known |= {name for name in (object_type.members, object_type.list_needs_parent) if name}
    known |= {"include"} if object_type.includable else set()
    check_known(params, known)


def check_known(params: Params, known: Collection[str]) -> None:
    unknown = params.names - set(known)
    if unknown:
        name = min(unknown)
        raise ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _left_out_by_default(object_type: ObjectType, params: Params, settings: Body) -> Callable[[Body], bool]:
    """A predicate of what a list leaves out without a filter."""
    values: list[tuple[str, str]] = []
    if object_type.unlisted and object_type.unlisted[0] not in params.names:
        values += (
            [object_type.unlisted]
            if settings["plain_list_hides_canceled"] or not object_type.unlisted_is_undocumented
            else []
        )
    clocks = bool(object_type.clocks_listed_by) and not params.names.intersection(object_type.clocks_listed_by)
    only = (
        object_type.listed_only
        if object_type.listed_only and object_type.listed_only[0].partition(".")[0] not in params.names
        else None
    )

    def hides(body: Body) -> bool:
        return (
            any(body.get(name) == value for name, value in values)
            or (clocks and body.get("test_clock") is not None)
            or (only is not None and at(body, only[0]) != only[1])
        )

    return hides


def _check_filters(view: View, object_type: ObjectType, filters: list[Filter], params: Params) -> None:
    for each in object_type.filters:
        if each.required and params.names.isdisjoint({each.name, each.instead}):
            raise missing_parameter(each.name)
    exclusive = [each.name for each in filters if each.exclusive]
    if exclusive and object_type.members in params.names:
        exclusive.append(object_type.members)
    if len(exclusive) > 1:
        raise ApiError(400, f"{' and '.join(exclusive)} exclude each other.", code="invalid_parameter")
    for each in filters:
        if each.kind in ("text", "payer"):
            _check_value(view, each, params)


def missing_parameter(name: str) -> ApiError:
    return ApiError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def _check_value(view: View, each: Filter, params: Params) -> None:
    wanted = _wanted(each, params)
    if each.choices and wanted not in each.choices:
        message = f"{each.name}: one of {', '.join(each.choices)}"
        raise ApiError(400, message, code="invalid_parameter", param=each.name)
    if each.names and view.find(each.names, wanted) is None:
        named = OBJECT_TYPES[each.names]
        code = "customer_not_found" if named.name == "customer" else named.missing
        raise not_found(code, named.short, wanted)


def _wanted(each: Filter, params: Params) -> str:
    if each.kind == "payer":
        payer = params.objects.get("payer", {})
        if payer.get("type") != "customer" or "customer" not in payer:
            message = "payer needs payer[type]=customer and payer[customer]."
            raise ApiError(400, message, code="invalid_parameter", param="payer")
        return payer["customer"]
    if each.name not in params.texts:
        raise ApiError(400, f"{each.name} is one value.", code="invalid_parameter", param=each.name)
    return params.texts[each.name]


def _passes(body: Body, each: Filter, params: Params) -> bool:
    value = at(body, each.field or each.name)
    if each.kind == "object":
        wanted = params.objects.get(each.name, {})
        return isinstance(value, dict) and all(_text(value.get(name)) == text for name, text in wanted.items())
    if each.kind == "moment":
        return _is_in_force(value or {}, _wanted(each, params))
    if isinstance(value, dict):
        value = value.get("id")
    if each.kind == "list":
        return _text(value) in params.lists.get(each.name, [])
    wanted_text = _wanted(each, params)
    return _text(value) in (each.groups or {}).get(wanted_text, (wanted_text,))


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _is_in_force(value: Body, instant: str) -> bool:
    """Compares RFC 3339 times as text: all have one form."""
    until = value.get("effective_until")
    return str(value.get("effective_from", "")) <= instant and (until is None or instant < str(until))


def _source(view: View, object_type: ObjectType, each: Filter, body: Body) -> Body:
    """The body that a filter compares: the object's own, or that of the object it names."""
    if not each.through:
        return body
    revision = view.find(object_type.references[each.through], body.get(each.through) or "")
    return revision.body if revision else {}
