"""What lets an object into a list?"""

from collections.abc import Callable, Collection

from dev.fake_stripe.account.state import View
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, Filter, ObjectType

from .protocol import ApiError, Params, not_found
from .sublists import at

PAGE_PARAMS = frozenset({"limit", "page"})
V1_PAGE_PARAMS = frozenset({"limit", "starting_after", "ending_before", "expand"})


def passing(view: View, row: ObjectType, params: Params, settings: Body) -> Callable[[Body], bool]:
    """The test that the query and the type's own rules make, after the query itself was looked at."""
    check_params(row, params)
    filters = [each for each in row.filters if each.name in params.names]
    _check_filters(view, row, filters, params)
    hides = _hidden(row, params, settings)

    def passes(body: Body) -> bool:
        return not hides(body) and all(_passes(_source(view, row, each, body), each, params) for each in filters)

    return passes


def check_params(row: ObjectType, params: Params, also: Collection[str] = ()) -> None:
    known = {each.name for each in row.filters} | (V1_PAGE_PARAMS if row.is_v1 else PAGE_PARAMS) | set(also)
    known |= {"created"} if row.is_v1 and row.created and row.listed_by_creation else set()
    known |= {name for name in (row.members, row.list_needs_parent) if name}
    known |= {"include"} if row.gated else set()
    check_known(params, known)


def check_known(params: Params, known: Collection[str]) -> None:
    unknown = params.names - set(known)
    if unknown:
        name = min(unknown)
        raise ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _hidden(row: ObjectType, params: Params, settings: Body) -> Callable[[Body], bool]:
    """What a list leaves out on its own account."""
    values: list[tuple[str, str]] = []
    if row.unlisted and row.unlisted[0] not in params.names:
        values += [row.unlisted] if settings["plain_list_hides_canceled"] or not row.unlisted_is_open else []
    clocks = bool(row.clocks_listed_by) and not params.names.intersection(row.clocks_listed_by)
    only = row.listed_only if row.listed_only and row.listed_only[0].partition(".")[0] not in params.names else None

    def hides(body: Body) -> bool:
        return (
            any(body.get(name) == value for name, value in values)
            or (clocks and body.get("test_clock") is not None)
            or (only is not None and at(body, only[0]) != only[1])
        )

    return hides


def _check_filters(view: View, row: ObjectType, filters: list[Filter], params: Params) -> None:
    for each in row.filters:
        if each.required and each.name not in params.names:
            raise missing_parameter(each.name)
    exclusive = [each.name for each in filters if each.exclusive]
    if exclusive and row.members in params.names:
        exclusive.append(row.members)
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
    """RFC 3339 of one form sorts as text."""
    until = value.get("effective_until")
    return str(value.get("effective_from", "")) <= instant and (until is None or instant < str(until))


def _source(view: View, row: ObjectType, each: Filter, body: Body) -> Body:
    """What a filter looks at: the object, or the one that it names."""
    if not each.through:
        return body
    revision = view.find(row.references[each.through], body.get(each.through) or "")
    return revision.body if revision else {}
