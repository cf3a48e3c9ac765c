"""What does a GET of one object, or of a list, answer?"""

from collections.abc import Collection

from .catalog import OBJECT_TYPES
from .object_types import Body, Filter, ObjectType
from .paging import Positioned
from .protocol import ApiError, Params, created_bounds, not_found, within
from .state import Revision, View

PAGE_PARAMS = frozenset({"limit", "page"})
V1_PAGE_PARAMS = frozenset({"limit", "starting_after", "ending_before", "created", "expand"})


def render(view: View, row: ObjectType, body: Body, include: Collection[str]) -> Body:
    """The object as it is sent: others embedded, fields hidden that were not asked for."""
    shown = dict(body)
    for name in row.embeds:
        embedded = view.find(row.references[name], body[name])
        if embedded is not None:
            shown[name] = embedded.body
    for name in row.gated:
        if name not in include:
            shown[name] = None
    return _without_nulls(shown) if row.omits_nulls else shown


def _without_nulls(body: Body) -> Body:
    """v2 leaves out some nulls; the reference's sample of a rate card subscription shows it."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }


def retrieve(view: View, row: ObjectType, identifier: str, settings: Body) -> Body:
    """The object's body before rendering, or the 404 of its type."""
    revision = view.find(row.name, identifier)
    if revision is None:
        raise not_found(row.missing, row.short, identifier)
    if not revision.removed or (row.members and settings["removed_rates"] == "retrievable"):
        return revision.body
    if row.stays_when_deleted:
        return {"id": identifier, "object": row.name, "deleted": True}
    raise not_found(row.missing, row.short, identifier)


def show(view: View, row: ObjectType, body: Body, include: Collection[str]) -> Body:
    return body if body.get("deleted") else render(view, row, body, include)


def check_parent(view: View, row: ObjectType, parent: str) -> None:
    if row.parent:
        view.existing(row.references[row.parent], parent)


def includes(row: ObjectType, params: Params) -> list[str]:
    wanted = params.lists.get("include", [])
    if any(name not in row.gated for name in wanted):
        raise ApiError(400, f"include: one of {', '.join(row.gated)}", code="invalid_parameter", param="include")
    return wanted


def matching(view: View, row: ObjectType, parent: str, params: Params, settings: Body) -> list[Positioned[Body]]:
    """Everything a list holds before it is cut into pages, newest first."""
    _check_params(row, params)
    filters = [each for each in row.filters if each.name in params.names]
    _check_filters(view, filters, params)
    hides_closed = bool(row.closed and row.closed[0] not in params.names and settings["plain_list_hides_canceled"])
    bounds = created_bounds(params, int)
    return [
        (position, revision.body)
        for position, revision in _candidates(view, row, parent, params)
        if not (hides_closed and row.closed and revision.body[row.closed[0]] == row.closed[1])
        and all(_passes(_source(view, row, each, revision.body), each, params) for each in filters)
        and within(revision.body["created"], bounds)
    ]


def _candidates(view: View, row: ObjectType, parent: str, params: Params) -> list[tuple[int, Revision]]:
    if row.members:
        members = _members(view, row, parent, params)
        return [item for item in view.all(row.name) if item[1].body["id"] in members]
    return [
        (position, revision)
        for position, revision in view.all(row.name)
        if not revision.removed and (not row.parent or revision.body[row.parent] == parent)
    ]


def _members(view: View, row: ObjectType, parent: str, params: Params) -> frozenset[str]:
    """The rates in the version asked for, also those that later versions lack; else in the live one."""
    card = view.existing(row.references[row.parent], parent)
    version_type = "v2.billing.rate_card_version"
    identifier = params.texts.get(row.members, card.body["live_version"])
    version = view.existing(version_type, identifier)
    if version.body["rate_card_id"] != parent:
        raise not_found(OBJECT_TYPES[version_type].missing, row.members, identifier)
    return frozenset(version.members)


def _check_params(row: ObjectType, params: Params) -> None:
    known = {each.name for each in row.filters} | (V1_PAGE_PARAMS if row.is_v1 else PAGE_PARAMS)
    known |= {row.members} if row.members else set()
    known |= {"include"} if row.gated else set()
    unknown = params.names - known
    if unknown:
        name = min(unknown)
        raise ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _check_filters(view: View, filters: list[Filter], params: Params) -> None:
    exclusive = [each.name for each in filters if each.exclusive]
    if len(exclusive) > 1:
        raise ApiError(400, f"{' and '.join(exclusive)} exclude each other.", code="invalid_parameter")
    for each in filters:
        if each.kind == "list":
            continue
        wanted = _wanted(each, params)
        if each.choices and wanted not in each.choices:
            message = f"{each.name}: one of {', '.join(each.choices)}"
            raise ApiError(400, message, code="invalid_parameter", param=each.name)
        if each.names:
            _check_named(view, each, wanted)


def _check_named(view: View, each: Filter, wanted: str) -> None:
    revision = view.find(each.names, wanted)
    if revision is None:
        row = OBJECT_TYPES[each.names]
        code = "customer_not_found" if row.name == "customer" else row.missing
        raise not_found(code, row.short, wanted)


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
    value: object = body
    for name in (each.field or each.name).split("."):
        value = value.get(name) if isinstance(value, dict) else None
    text = str(value).lower() if isinstance(value, bool) else value
    return text in params.lists.get(each.name, []) if each.kind == "list" else text == _wanted(each, params)


def _source(view: View, row: ObjectType, each: Filter, body: Body) -> Body:
    """What a filter looks at: the object, or the one that it names."""
    if not each.through:
        return body
    revision = view.find(row.references[each.through], body[each.through])
    return revision.body if revision else {}
