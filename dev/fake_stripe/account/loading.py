"""How does a test load objects as they are, and have Stripe speak of one that nothing changed?"""

from dev.fake_stripe.api.protocol import ApiError
from dev.fake_stripe.api.urls import url_of
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import SUMMARY

from .backend import Backend
from .customers import CUSTOMER, ENTITLEMENT, summarized, summary_told
from .lifecycle import occurrences_of
from .state import Account, Entity


def put(backend: Backend, given: Body) -> Body:
    """Keep a body as it is: no defaults, no events, and nobody asks whether what it names exists."""
    row, body = backend.row(given["type"]), given["body"]
    account = backend.account_given(given)
    with account.change():
        entity = _keep(account, row, body, given.get("parent") or _parent_in(row, body))
    return {"id": entity.id, "type": row.name}


def _keep(account: Account, row: ObjectType, body: Body, parent: str) -> Entity:
    if row.parent_type and not parent:
        raise ApiError(400, f"A {row.name} needs a parent.", code="parameter_missing")
    if row is SUMMARY:
        for each in body["data"]:
            account.keep(ENTITLEMENT, each["id"], each, parent=parent)
    if row in (SUMMARY, ENTITLEMENT):
        summary = summarized(account, parent)
        return summary if row is SUMMARY else account.keep(row, body["id"], body, parent=parent)
    identifier = url_of(row, "", parent) if row.is_singleton else body["id"]
    return account.keep(row, identifier, body, parent=parent)


def _parent_in(row: ObjectType, body: Body) -> str:
    name = row.parent or ("customer" if row.nested_in == CUSTOMER.name else "")
    return str(body.get(name) or "")


def announce(backend: Backend, given: Body) -> Body:
    """An event about an object that did not change."""
    account, entity = backend.find(given)
    name = given.get("event") or _usual_event(entity.row)
    if name not in entity.row.events:
        raise ApiError(400, f"A {entity.row.name} has no event '{name}'.", code="invalid_parameter")
    occurrences = [summary_told(account, entity, name)] if entity.row is SUMMARY else occurrences_of(entity, [name])
    return {"event_id": backend.tell(account, occurrences, given, requested=False)[0]}


def _usual_event(row: ObjectType) -> str:
    usual = (name for name in ("updated", "created") if name in row.events)
    return next(usual, "") or min(row.events, default="")
