"""Which objects does a GET of one object, or of a list, return?"""

import copy
from collections.abc import Callable

from dev.fake_stripe.account.state import Revision, View
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType

from .filters import missing_parameter, passing
from .paging import Positioned
from .protocol import ApiError, Params, created_bounds, not_found, within
from .rendering import Expansion, render


def retrieve(view: View, object_type: ObjectType, identifier: str, parent: str, settings: Body) -> Body:
    """The object's body before rendering, or the 404 of its type."""
    revision = view.find(object_type.name, identifier)
    if revision is None and object_type.is_singleton:
        return _untouched(view, object_type, parent)
    if revision is None or (object_type.is_nested and revision.parent != parent):
        check_parent(view, object_type, parent)
        raise not_found(object_type.missing, object_type.short, identifier)
    if object_type.is_nested and view.find(object_type.parent_type, parent) is not None:
        check_parent(view, object_type, parent)
    if not revision.removed or (object_type.members and settings["removed_rates"] == "retrievable"):
        return revision.body
    if object_type.keeps_deleted_stub:
        return {"id": identifier, "object": object_type.name, "deleted": True}
    raise not_found(object_type.missing, object_type.short, identifier)


def _untouched(view: View, object_type: ObjectType, parent: str) -> Body:
    """A singleton that was never changed."""
    check_parent(view, object_type, parent)
    named = {object_type.parent: parent} if object_type.parent else {}
    livemode = {"livemode": view.account.livemode}
    return {"object": object_type.name} | livemode | copy.deepcopy(dict(object_type.defaults)) | named


def show(view: View, object_type: ObjectType, body: Body, expansion: Expansion) -> Body:
    return body if body.get("deleted") else render(object_type, body, _embedded(view, object_type, body), expansion)


def _embedded(view: View, object_type: ObjectType, body: Body) -> dict[str, Body]:
    found = {
        name: view.find(object_type.references[name], body[name])
        for name in object_type.embeds
        if isinstance(body.get(name), str)
    }
    return {name: revision.body for name, revision in found.items() if revision is not None}


def check_parent(view: View, object_type: ObjectType, parent: str) -> None:
    if object_type.is_nested:
        view.existing(object_type.parent_type, parent)


def matching(
    view: View, object_type: ObjectType, parent: str, params: Params, settings: Body
) -> list[Positioned[Body]]:
    """Everything a list holds, before paging, newest first."""
    passes = passing(view, object_type, params, settings)
    bounds = created_bounds(params, int)
    found = [
        (position, revision.body)
        for position, revision in _candidates(
            view, object_type, _listed_parent(view, object_type, parent, params), params
        )
        if passes(revision.body) and within(revision.body.get(object_type.created) or 0, bounds)
    ]
    if not found or (object_type.is_nested and view.find(object_type.parent_type, parent) is not None):
        check_parent(view, object_type, parent)
    return found


def of_other_parent(view: View, object_type: ObjectType, parent: str) -> list[Positioned[Body]]:
    """The objects of the list at a type's alternate path."""
    return [
        (position, revision.body)
        for position, revision in view.all(object_type.name)
        if not revision.removed and revision.body.get(object_type.alternate_parent) == parent
    ]


def _listed_parent(view: View, object_type: ObjectType, parent: str, params: Params) -> str:
    """The parent that the path or the query names."""
    if not object_type.list_needs_parent:
        return parent
    name = object_type.list_needs_parent
    if name not in params.texts:
        raise missing_parameter(name)
    if view.find(object_type.parent_type, params.texts[name]) is None and not any(
        revision.parent == params.texts[name] for _, revision in view.all(object_type.name)
    ):
        raise ApiError(400, f"No such {name}: '{params.texts[name]}'", code="resource_missing", param=name)
    return params.texts[name]


def _candidates(view: View, object_type: ObjectType, parent: str, params: Params) -> list[tuple[int, Revision]]:
    if object_type.members:
        is_member = _membership(view, object_type, parent, params)
        return [item for item in view.all(object_type.name) if is_member(item[1])]
    return [
        (position, revision)
        for position, revision in view.all(object_type.name)
        if not revision.removed and (not object_type.parent_type or revision.parent == parent)
    ]


def _membership(view: View, object_type: ObjectType, parent: str, params: Params) -> Callable[[Revision], bool]:
    """A predicate of membership in the version that the query names, or else in the live version."""
    owner = view.find(object_type.parent_type, parent)
    live = owner.body.get("live_version") if owner and not owner.removed else ""
    identifier = params.texts.get(object_type.members, live or "")
    version_type = OBJECT_TYPES[f"v2.billing.{object_type.members}"]
    version = view.find(version_type.name, identifier)
    if (version is None and object_type.members in params.names) or (version and version.parent != parent):
        raise not_found(version_type.missing, object_type.members, identifier)
    members = frozenset(version.members) if version else frozenset()

    def is_member(revision: Revision) -> bool:
        body = revision.body
        return body["id"] in members or (body.get(object_type.members) == identifier and revision.parent == parent)

    return is_member
