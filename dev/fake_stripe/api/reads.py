"""What does a GET of one object, or of a list, answer?"""

import copy
from collections.abc import Callable

from dev.fake_stripe.account.state import Revision, View
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType

from .filters import missing_parameter, passing
from .paging import Positioned
from .protocol import ApiError, Params, created_bounds, not_found, within
from .rendering import Asked, render


def retrieve(view: View, row: ObjectType, identifier: str, parent: str, settings: Body) -> Body:
    """The object's body before rendering, or the 404 of its type."""
    revision = view.find(row.name, identifier)
    if revision is None and row.is_singleton:
        return _untouched(view, row, parent)
    if revision is None or (row.is_nested and revision.parent != parent):
        check_parent(view, row, parent)
        raise not_found(row.missing, row.short, identifier)
    if row.is_nested and view.find(row.parent_type, parent) is not None:
        check_parent(view, row, parent)
    if not revision.removed or (row.members and settings["removed_rates"] == "retrievable"):
        return revision.body
    if row.stays_when_deleted:
        return {"id": identifier, "object": row.name, "deleted": True}
    raise not_found(row.missing, row.short, identifier)


def _untouched(view: View, row: ObjectType, parent: str) -> Body:
    """A singleton that nothing has changed yet."""
    check_parent(view, row, parent)
    named = {row.parent: parent} if row.parent else {}
    livemode = {"livemode": view.account.livemode}
    return {"object": row.name} | livemode | copy.deepcopy(dict(row.defaults)) | named


def show(view: View, row: ObjectType, body: Body, asked: Asked) -> Body:
    return body if body.get("deleted") else render(row, body, _embedded(view, row, body), asked)


def _embedded(view: View, row: ObjectType, body: Body) -> dict[str, Body]:
    found = {
        name: view.find(row.references[name], body[name]) for name in row.embeds if isinstance(body.get(name), str)
    }
    return {name: revision.body for name, revision in found.items() if revision is not None}


def check_parent(view: View, row: ObjectType, parent: str) -> None:
    if row.is_nested:
        view.existing(row.parent_type, parent)


def matching(view: View, row: ObjectType, parent: str, params: Params, settings: Body) -> list[Positioned[Body]]:
    """Everything a list holds before it is cut into pages, newest first."""
    passes = passing(view, row, params, settings)
    bounds = created_bounds(params, int)
    found = [
        (position, revision.body)
        for position, revision in _candidates(view, row, _listed_parent(view, row, parent, params), params)
        if passes(revision.body) and within(revision.body.get(row.created) or 0, bounds)
    ]
    if not found or (row.is_nested and view.find(row.parent_type, parent) is not None):
        check_parent(view, row, parent)
    return found


def of_other_parent(view: View, row: ObjectType, parent: str) -> list[Positioned[Body]]:
    """What the list at a type's second URL holds."""
    return [
        (position, revision.body)
        for position, revision in view.all(row.name)
        if not revision.removed and revision.body.get(row.also_under) == parent
    ]


def _listed_parent(view: View, row: ObjectType, parent: str, params: Params) -> str:
    """The parent by the path, or by the query."""
    if not row.list_needs_parent:
        return parent
    name = row.list_needs_parent
    if name not in params.texts:
        raise missing_parameter(name)
    if view.find(row.parent_type, params.texts[name]) is None and not any(
        revision.parent == params.texts[name] for _, revision in view.all(row.name)
    ):
        raise ApiError(400, f"No such {name}: '{params.texts[name]}'", code="resource_missing", param=name)
    return params.texts[name]


def _candidates(view: View, row: ObjectType, parent: str, params: Params) -> list[tuple[int, Revision]]:
    if row.members:
        is_member = _membership(view, row, parent, params)
        return [item for item in view.all(row.name) if is_member(item[1])]
    return [
        (position, revision)
        for position, revision in view.all(row.name)
        if not revision.removed and (not row.parent_type or revision.parent == parent)
    ]


def _membership(view: View, row: ObjectType, parent: str, params: Params) -> Callable[[Revision], bool]:
    """What is in the version asked for, also what later versions lack; else in the live one."""
    owner = view.find(row.parent_type, parent)
    live = owner.body.get("live_version") if owner and not owner.removed else ""
    identifier = params.texts.get(row.members, live or "")
    version_row = OBJECT_TYPES[f"v2.billing.{row.members}"]
    version = view.find(version_row.name, identifier)
    if (version is None and row.members in params.names) or (version and version.parent != parent):
        raise not_found(version_row.missing, row.members, identifier)
    members = frozenset(version.members) if version else frozenset()

    def is_member(revision: Revision) -> bool:
        body = revision.body
        return body["id"] in members or (body.get(row.members) == identifier and revision.parent == parent)

    return is_member
