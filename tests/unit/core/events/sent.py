"""Events as Stripe sends them, thin ones and snapshots, with what a test changes of them."""

import json

from billing_mirror.core.json_body import Json

SECRET = "hunter2hunter2"

PUSHED: dict[str, Json] = {
    "id": "evt_65SKkWu5OkQpDEMaiRW16RuKJoESSQUtPVJKIgeI4D2O4u",
    "object": "v2.core.event",
    "type": "v2.billing.rate_card_subscription.activated",
    "created": "2025-01-01T00:00:00.123Z",
    "livemode": True,
    "context": "acct_1/acct_2",
    "reason": {"type": "request", "request": {"id": "req_1", "idempotency_key": "key"}},
    "related_object": {
        "id": "rcds_1",
        "type": "v2.billing.rate_card_subscription",
        "url": "/v2/billing/rate_card_subscriptions/rcds_1",
    },
}


def pushed(**changes: Json) -> str:
    return json.dumps(PUSHED | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in PUSHED.items() if key != name})


SNAPSHOT: dict[str, Json] = {
    "id": "evt_1TJG9LHcsXioUXdhRsSoWUzy",
    "object": "event",
    "api_version": "2026-01-01.ga",
    "created": 1735689600,
    "data": {
        "object": {"id": "sub_1", "object": "subscription", "customer": "cus_1", "note": SECRET},
        "previous_attributes": {"note": SECRET},
    },
    "livemode": True,
    "pending_webhooks": 1,
    "request": {"id": "req_1", "idempotency_key": SECRET},
    "type": "customer.subscription.updated",
}


def snapshot(**changes: Json) -> str:
    return json.dumps(SNAPSHOT | changes)


def carrying(**members: Json) -> str:
    """A snapshot of an object with these members."""
    return snapshot(data={"object": {"object": "subscription", **members}})
