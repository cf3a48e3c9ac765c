"""What does the v1 snapshot event of a change look like? (docs.stripe.com/api/events/object)"""

from datetime import datetime

from dev.fake_stripe.api.rendering import render_default
from dev.fake_stripe.types.object_types import Body, ObjectType

API_VERSION = "2026-10-28.endive"


def snapshot_of(notification: Body, object_type: ObjectType, body: Body, changes: Body | None, settings: Body) -> Body:
    data: Body = {"object": render_default(object_type, body, settings["sublist_size"])}
    if changes is not None:
        data["previous_attributes"] = changes["before"]
    request = (notification["reason"] or {}).get("request") or {"id": None, "idempotency_key": None}
    account = {"account": notification["context"]} if notification["context"] else {}
    return account | {
        "id": notification["snapshot_event"],
        "object": "event",
        "api_version": API_VERSION,
        "created": int(datetime.fromisoformat(notification["created"]).timestamp()),
        "data": data,
        "livemode": notification["livemode"],
        "pending_webhooks": 1,
        "request": request,
        "type": notification["type"].removeprefix("v1."),
    }
