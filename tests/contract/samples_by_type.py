"""The sample of every type, what it says, and how it gets into the stand-in."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from billing_mirror.core import catalog, json_body
from billing_mirror.core.catalog import ObjectType, Reference
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, fill_template, ref_to
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.account.loading import put
from dev.fake_stripe.api.encoding import exact
from dev.fake_stripe.api.protocol import now
from dev.fake_stripe.events.event import Event

TESTS = Path(__file__).parents[1]
SAMPLES = {path.stem: path for path in (TESTS / "samples").glob("*.json")}

OBJECT_TYPES = tuple(object_type for object_type in catalog.TYPES.values() if object_type is not catalog.USAGE)
ENTITLEMENT = "entitlements.active_entitlement"
SUMMARY = "entitlements.active_entitlement_summary"
EVENT = "v2.core.event"

OWNERS = {
    "v2.billing.bill_setting_version": "v2.billing.bill_setting",
    "v2.billing.collection_setting_version": "v2.billing.collection_setting",
    "v2.billing.intent_action": "v2.billing.intent",
    SUMMARY: "customer",
    "cash_balance": "customer",
}
"""Whose the objects are that do not name their owner: the sample of this type."""


@cache
def text(type_name: str) -> str:
    return SAMPLES[type_name].read_text(encoding="utf-8")


def body(object_type: ObjectType) -> JsonObject:
    """The sample as Stripe shows it when a request includes every member."""
    if object_type.name != SUMMARY:
        return json_body.parse(text(object_type.name))
    inside: list[json_body.Json] = [json_body.parse(text(ENTITLEMENT))]
    return {"object": "list", "url": "/v1/entitlements/active_entitlements", "has_more": False, "data": inside}


@dataclass(frozen=True)
class Sample:
    """The sample of one type, as the mirror should know it."""

    object_type: ObjectType

    @property
    def body(self) -> JsonObject:
        return body(self.object_type)

    @property
    def owner(self) -> str | None:
        """The ``{parent}`` of its URL."""
        if self.object_type.name in OWNERS:
            return json_body.text_at(body(catalog.TYPES[OWNERS[self.object_type.name]]), "id")
        if not self.object_type.nested:
            return None
        return json_body.text_at(self.body, self.object_type.parent or "")

    @property
    def ref(self) -> ObjectRef:
        return ref_to(
            Scope(livemode=False), self.object_type.name, json_body.text_at(self.body, "id") or "", self.owner
        )

    @property
    def parent(self) -> str | None:
        """The parent id under which the mirror indexes the object."""
        return (
            json_body.text_at(self.body, self.object_type.parent) if self.object_type.parent else None
        ) or self.owner

    @property
    def customer(self) -> str | None:
        return self.owner if self.object_type.parent_is_customer else _customer(self.object_type)

    @property
    def at(self) -> str:
        """Its URL at Stripe."""
        return fill_template(self.object_type.retrieve, id=self.ref.id, parent=self.owner)


def _customer(object_type: ObjectType) -> str | None:
    match object_type.customer:
        case Reference(type=type_name):
            return _customer(catalog.TYPES[type_name])
        case str(path):
            return json_body.text_at(body(object_type), path)
        case None:
            return None


def load(backend: Backend, first: ObjectType) -> None:
    """Puts all samples into the stand-in; where two have the same id (a price and its plan), the ``first`` type's."""
    for object_type in (first, *(object_type for object_type in OBJECT_TYPES if object_type is not first)):
        sample = Sample(object_type)
        if object_type.name == EVENT:
            _keep_event(backend)
        elif sample.ref.id not in backend.account("", livemode=False).entities:
            put(backend, {"type": object_type.name, "body": stand_in_body(object_type), "parent": sample.owner})


def stand_in_body(object_type: ObjectType) -> dict[str, Any]:
    """The sample as the stand-in takes it."""
    if object_type.name == SUMMARY:
        return {"data": [exact(text(ENTITLEMENT))]}
    found: dict[str, Any] = exact(text(object_type.name))
    return found


def _keep_event(backend: Backend) -> None:
    given = json.loads(text(EVENT))
    fetched = {name: given.pop(name) for name in ("changes", "data")}
    account = backend.account("", livemode=False)
    account.events[given["id"]] = Event(given, now(), data=fetched["data"], changes=fetched["changes"], verbatim=True)
