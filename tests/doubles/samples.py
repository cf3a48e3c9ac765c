"""Sample objects and events of Stripe, with the fields that matter and any that are given."""

import base64
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject

CREATED = "2026-11-01T08:00:00.000Z"
_numbers = itertools.count(1000)
SAMPLES = Path(__file__).parents[1] / "samples"


def sample(type_name: str, **fields: Json) -> JsonObject:
    """An object with every field that Stripe shows of its type."""
    return {**json_body.parse((SAMPLES / f"{type_name}.json").read_text()), **fields}


def subscription(identifier: str = "rcds_1", **fields: Json) -> JsonObject:
    return {
        "id": identifier,
        "object": "v2.billing.rate_card_subscription",
        "billing_cadence": "bc_1",
        "rate_card": "rcd_1",
        "rate_card_version": "rcdv_1",
        "servicing_status": "active",
        "collection_status": "current",
        "created": CREATED,
        "livemode": False,
        **fields,
    }


def cadence(identifier: str = "bc_1", customer: str = "cus_1", **fields: Json) -> JsonObject:
    return {
        "id": identifier,
        "object": "v2.billing.cadence",
        "payer": {"type": "customer", "customer": customer},
        "status": "active",
        "created": CREATED,
        "livemode": False,
        **fields,
    }


def rate(identifier: str = "rcdr_1", **fields: Json) -> JsonObject:
    return {
        "id": identifier,
        "object": "v2.billing.rate_card_rate",
        "rate_card": "rcd_1",
        "rate_card_version": "rcdv_1",
        "unit_amount": "1.5",
        "created": CREATED,
        "livemode": False,
        **fields,
    }


def rate_card(identifier: str = "rcd_1", **fields: Json) -> JsonObject:
    return {
        "id": identifier,
        "object": "v2.billing.rate_card",
        "display_name": "Pay as you go",
        "created": CREATED,
        "livemode": False,
        **fields,
    }


def version(identifier: str = "rcdv_1", **fields: Json) -> JsonObject:
    return {
        "id": identifier,
        "object": "v2.billing.rate_card_version",
        "rate_card_id": "rcd_1",
        "created": CREATED,
        "livemode": False,
        **fields,
    }


def customer(identifier: str = "cus_1", **fields: Json) -> JsonObject:
    return {"id": identifier, "object": "customer", "created": 1_600_000_000, "livemode": False, **fields}


def event(
    type_name: str,
    body: JsonObject,
    *,
    url: str,
    at: float = 1_700_000_000.0,
    identifier: str | None = None,
    **fields: Json,
) -> str:
    """The thin event that says that ``body``'s object changed; a new one, unless its ``identifier`` is given."""
    notification: JsonObject = {
        "object": "v2.core.event",
        "id": identifier or f"evt_{next(_numbers)}",
        "type": type_name,
        "created": datetime.fromtimestamp(at, UTC).isoformat(),
        "livemode": body["livemode"],
        "related_object": {"id": body["id"], "type": body["object"], "url": url},
        **fields,
    }
    return json.dumps(notification)


def snapshot(type_name: str, body: JsonObject, *, at: float = 1_700_000_000.0, **fields: Json) -> str:
    """The event that carries ``body`` as it was."""
    snapshot_event: JsonObject = {
        "object": "event",
        "id": "evt_snapshot1",
        "type": type_name,
        "created": int(at),
        "livemode": False,
        "api_version": "2026-01-01.ga",
        "pending_webhooks": 1,
        "data": {"object": body},
        **fields,
    }
    return json.dumps(snapshot_event, default=float)


def subscription_event(
    name: str = "servicing_activated",
    identifier: str = "rcds_1",
    *,
    at: float = 1_700_000_000.0,
    livemode: bool = False,
    **fields: Json,
) -> str:
    return event(
        f"v2.billing.rate_card_subscription.{name}",
        subscription(identifier, livemode=livemode),
        url=f"/v2/billing/rate_card_subscriptions/{identifier}",
        at=at,
        **fields,  # type: ignore[arg-type]
    )


def noise(size: int, seed: int = 1) -> str:
    """Text that no compression makes smaller than this number of bytes; it is a hundredth larger at most."""
    return base64.b64encode(Random(seed).randbytes(size)).decode()
