"""The sample of every type, what it says, and how it gets into the stand-in."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from billing_mirror.core import catalog
from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import ObjectType, Via
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, Subject, fill, named
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.account.loading import put
from dev.fake_stripe.api.encoding import exact
from dev.fake_stripe.api.protocol import now
from dev.fake_stripe.events.event import Event

TESTS = Path(__file__).parents[1]
SAMPLES = {path.stem: path for path in (TESTS / "samples").glob("*.json")}

ROWS = tuple(row for row in catalog.TYPES.values() if row is not catalog.USAGE)
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


def body(row: ObjectType) -> JsonObject:
    """What Stripe shows of the sample when everything is asked for."""
    if row.name != SUMMARY:
        return bodies.read(text(row.name))
    inside: list[bodies.Json] = [bodies.read(text(ENTITLEMENT))]
    return {"object": "list", "url": "/v1/entitlements/active_entitlements", "has_more": False, "data": inside}


@dataclass(frozen=True)
class Sample:
    """One row's sample as the mirror should know it."""

    row: ObjectType

    @property
    def body(self) -> JsonObject:
        return body(self.row)

    @property
    def owner(self) -> str | None:
        """The ``{parent}`` of its URL."""
        if self.row.name in OWNERS:
            return bodies.text_at(body(catalog.TYPES[OWNERS[self.row.name]]), "id")
        if not self.row.nested:
            return None
        return bodies.text_at(self.body, self.row.parent or "")

    @property
    def subject(self) -> Subject:
        return named(Scope(livemode=False), self.row.name, bodies.text_at(self.body, "id") or "", self.owner)

    @property
    def parent(self) -> str | None:
        """By which it is found in the mirror."""
        return (bodies.text_at(self.body, self.row.parent) if self.row.parent else None) or self.owner

    @property
    def customer(self) -> str | None:
        return self.owner if self.row.of_customer else _customer(self.row)

    @property
    def at(self) -> str:
        """Its URL at Stripe."""
        return fill(self.row.retrieve, id=self.subject.id, parent=self.owner)


def _customer(row: ObjectType) -> str | None:
    match row.customer:
        case Via(type=type_name):
            return _customer(catalog.TYPES[type_name])
        case str(path):
            return bodies.text_at(body(row), path)
        case None:
            return None


def load(backend: Backend, first: ObjectType) -> None:
    """Puts all samples into the stand-in; where two have the same id (a price and its plan), the ``first`` row's."""
    for row in (first, *(row for row in ROWS if row is not first)):
        sample = Sample(row)
        if row.name == EVENT:
            _keep_event(backend)
        elif sample.subject.id not in backend.account("", livemode=False).entities:
            put(backend, {"type": row.name, "body": stand_ins(row), "parent": sample.owner})


def stand_ins(row: ObjectType) -> dict[str, Any]:
    """The sample as the stand-in takes it."""
    if row.name == SUMMARY:
        return {"data": [exact(text(ENTITLEMENT))]}
    found: dict[str, Any] = exact(text(row.name))
    return found


def _keep_event(backend: Backend) -> None:
    given = json.loads(text(EVENT))
    fetched = {name: given.pop(name) for name in ("changes", "data")}
    account = backend.account("", livemode=False)
    account.events[given["id"]] = Event(given, now(), data=fetched["data"], changes=fetched["changes"], verbatim=True)
