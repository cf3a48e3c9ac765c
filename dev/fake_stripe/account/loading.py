"""How does a test load an object as it is, and send an event about an unchanged object?"""

from dev.fake_stripe.api.protocol import ApiError
from dev.fake_stripe.api.urls import url_of
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import SUMMARY

from .backend import Backend
from .customers import CUSTOMER, ENTITLEMENT, summarized, summary_occurrence
from .lifecycle import occurrences_of
from .state import Account, Entity


def put(backend: Backend, given: Body) -> Body:
    """Keep a body as it is: no defaults, no events, no check of references."""
    object_type, body = backend.object_type(given["type"]), given["body"]
    account = backend.account_given(given)
    with account.change():
        entity = _keep(account, object_type, body, given.get("parent") or _parent_in(object_type, body))
    return {"id": entity.id, "type": object_type.name}


def _keep(account: Account, object_type: ObjectType, body: Body, parent: str) -> Entity:
    if object_type.parent_type and not parent:
        raise ApiError(400, f"A {object_type.name} needs a parent.", code="parameter_missing")
    if object_type is SUMMARY:
        for each in body["data"]:
            account.keep(ENTITLEMENT, each["id"], each, parent=parent)
    if object_type in (SUMMARY, ENTITLEMENT):
        summary = summarized(account, parent)
        return summary if object_type is SUMMARY else account.keep(object_type, body["id"], body, parent=parent)
    identifier = url_of(object_type, "", parent) if object_type.is_singleton else body["id"]
    return account.keep(object_type, identifier, body, parent=parent)


def _parent_in(object_type: ObjectType, body: Body) -> str:
    name = object_type.parent or ("customer" if object_type.nested_in == CUSTOMER.name else "")
    return str(body.get(name) or "")


def announce(backend: Backend, given: Body) -> Body:
    """An event about an object that did not change."""
    account, entity = backend.find(given)
    name = given.get("event") or _usual_event(entity.object_type)
    if name not in entity.object_type.events:
        raise ApiError(400, f"A {entity.object_type.name} has no event '{name}'.", code="invalid_parameter")
    occurrences = (
        [summary_occurrence(account, entity, name)] if entity.object_type is SUMMARY else occurrences_of(entity, [name])
    )
    return {"event_id": backend.send_events(account, occurrences, given, requested=False)[0]}


def _usual_event(object_type: ObjectType) -> str:
    usual = (name for name in ("updated", "created") if name in object_type.events)
    return next(usual, "") or min(object_type.events, default="")
