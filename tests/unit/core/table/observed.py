"""A subscription as a fetch has shown it."""

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table.items import Observation

SUBSCRIPTION: JsonObject = {
    "id": "rcds_1",
    "object": "v2.billing.rate_card_subscription",
    "rate_card": "rcd_1",
    "billing_cadence": "bc_1",
    "servicing_status": "active",
    "collection_status": "past_due",
    "created": "2024-11-26T16:33:03.000Z",
    "metadata": {"empty": ""},
}


def ref(type_name: str = "v2.billing.rate_card_subscription", identifier: str = "rcds_1") -> ObjectRef:
    return ref_to(Scope(livemode=True), type_name, identifier, "rcd_1")


def seen(body: JsonObject | None, **listed: tuple[JsonObject, ...]) -> Observation:
    digest = json_body.digest(body) if body is not None else ""
    return Observation(1732638783.25, "2026-10-14.preview", "req_1", body, digest, listed)
