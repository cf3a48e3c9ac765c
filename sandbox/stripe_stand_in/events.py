"""How does Stripe tell about a change: the thin notification, and the event when it is fetched?

Shapes: docs.stripe.com/api/v2/core/events and the event-types pages of each v2.billing resource.
"""

import copy
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from .object_types import Body, ObjectType
from .protocol import now, random_text, rfc3339

PING = "v2.core.event_destination.ping"


@dataclass(frozen=True)
class Occurrence:
    """Something that happened to an object and has an event type."""

    row: ObjectType
    name: str
    """The last part of the event type, such as `servicing_activated`."""
    after: Body
    before: Body | None = None
    data: Body | None = None


@dataclass(frozen=True)
class Event:
    notification: Body
    created: datetime
    placeholder_url: str = ""
    """The related object's URL as Stripe's reference prints it, with `:rate_card_id` left unfilled."""
    data: Body | None = None
    changes: Body | None = None
    verbatim: bool = False
    """Sent exactly as a test gave it."""

    @property
    def id(self) -> str:
        return str(self.notification.get("id"))

    @property
    def type(self) -> str:
        return str(self.notification.get("type"))

    @property
    def object_id(self) -> str:
        return str((self.notification.get("related_object") or {}).get("id"))


def new_event_id(*, livemode: bool) -> str:
    return f"evt_{'' if livemode else 'test_'}65{random_text(48)}"


def event_of(occurrence: Occurrence, context: str, *, requested: bool) -> Event:
    row, body = occurrence.row, occurrence.after
    instant = now()
    notification = {
        "id": new_event_id(livemode=body["livemode"]),
        "object": "v2.core.event",
        "type": row.event_prefix + occurrence.name,
        "created": rfc3339(instant),
        "livemode": body["livemode"],
        "context": context or None,
        "reason": _reason() if requested else None,
        "related_object": {"id": body["id"], "type": row.name, "url": url_of(row, body)},
    }
    if row.is_v1:
        notification["snapshot_event"] = f"evt_1{random_text(23)}"
    return Event(
        notification,
        instant,
        placeholder_url=placeholder_url(row, body["id"]) if row.parent else "",
        data=occurrence.data or _data(occurrence),
        changes=_changes(occurrence) if row.is_v1 else None,
    )


def url_of(row: ObjectType, body: Body) -> str:
    parent = body.get(row.parent, "") if row.parent else ""
    return re.sub(r"\{(\w+)\}", lambda match: body["id"] if match[1] == "id" else parent, row.path)


def placeholder_url(row: ObjectType, identifier: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: identifier if match[1] == "id" else f":{match[1]}", row.path)


def _reason() -> Body:
    request = {"id": f"req_{random_text(14)}", "idempotency_key": str(uuid4())}
    return {"type": "request", "request": request}


def _data(occurrence: Occurrence) -> Body | None:
    fields = occurrence.row.event_data.get(occurrence.name)
    return {name: occurrence.after[source] for name, source in fields.items()} if fields else None


def _changes(occurrence: Occurrence) -> Body | None:
    if occurrence.before is None:
        return None
    before, after = occurrence.before, occurrence.after
    changed = [name for name in after if after[name] != before.get(name)]
    return {
        "before": {name: before.get(name) for name in changed},
        "after": {name: after[name] for name in changed},
    }


def as_sent(event: Event, settings: Body) -> Body:
    """The notification; the settings choose between what the documentation leaves open."""
    body: Body = copy.deepcopy(event.notification)
    if event.verbatim:
        return body
    if event.placeholder_url and settings["placeholder_urls"]:
        body["related_object"]["url"] = event.placeholder_url
    if settings["null_fields"] == "missing":
        body = {name: value for name, value in body.items() if value is not None}
    extra: Body = settings["extra_fields"]
    return body | extra


def as_fetched(event: Event, settings: Body) -> Body:
    extra = {"changes": event.changes, "data": event.data}
    if settings["null_fields"] == "missing":
        extra = {name: value for name, value in extra.items() if value is not None}
    return as_sent(event, settings) | extra


def ping_event() -> Event:
    instant = now()
    destination = f"ed_test_61{random_text(40)}"
    related = {
        "id": destination,
        "type": "v2.core.event_destination",
        "url": f"/v2/core/event_destinations/{destination}",
    }
    notification = {
        "id": new_event_id(livemode=False),
        "object": "v2.core.event",
        "type": PING,
        "created": rfc3339(instant),
        "livemode": False,
        "context": None,
        "reason": None,
        "related_object": related,
    }
    return Event(notification, instant)
