"""What do the thin notification of a change, and the fetched event, look like?

Shapes: docs.stripe.com/api/v2/core/events and the event-types pages of each v2.billing resource.
"""

import copy
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from dev.fake_stripe.api.protocol import now, random_text, rfc3339
from dev.fake_stripe.api.urls import filled, placeholder_url, url_of
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import SUMMARY

from .snapshots import snapshot_of

PING = "v2.core.event_destination.ping"


@dataclass(frozen=True)
class Occurrence:
    """A change of an object that has an event type."""

    object_type: ObjectType
    name: str
    """The last part of the event type, such as `servicing_activated`."""
    after: Body
    before: Body | None = None
    data: Body | None = None
    parent: str = ""
    shown: Body | None = None
    """The body in its snapshot instead of the object's."""
    related: bool = True
    has_snapshot: bool = True


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
    snapshot: Body | None = None
    """The v1 event of the same change."""

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


def event_of(occurrence: Occurrence, *, context: str, livemode: bool, requested: bool, settings: Body) -> Event:
    object_type = occurrence.object_type
    instant = now()
    notification: Body = {
        "id": new_event_id(livemode=livemode),
        "object": "v2.core.event",
        "type": object_type.event_prefix + occurrence.name,
        "created": rfc3339(instant),
        "livemode": livemode,
        "context": context or None,
        "reason": _reason() if requested else None,
    }
    if object_type.related and occurrence.related:
        notification["related_object"] = _related(occurrence, settings)
    changes = _changes(occurrence) if object_type.is_v1 else None
    snapshot = None
    if object_type.is_v1 and occurrence.has_snapshot:
        notification["snapshot_event"] = f"evt_1{random_text(23)}"
        shown = occurrence.shown or _wrapped(object_type, occurrence.after)
        snapshot = snapshot_of(notification, object_type, shown, changes, settings)
    return Event(
        notification,
        instant,
        placeholder_url=placeholder_url(object_type, occurrence.after["id"])
        if object_type.is_nested and not object_type.is_singleton
        else "",
        data=_data(occurrence, settings),
        changes=changes,
        snapshot=snapshot,
    )


def _wrapped(object_type: ObjectType, body: Body) -> Body:
    """What a snapshot carries: the object, or the one that wraps it."""
    name, field = object_type.snapshot_wrapper
    if not name:
        return body
    times = {"created": int(now().timestamp()), "livemode": body.get("livemode", False)}
    return {"object": name, field: body, "customer": "cus_1", "value": 1, **times}


def _related(occurrence: Occurrence, settings: Body) -> Body:
    object_type, identifier = occurrence.object_type, occurrence.after.get("id", "")
    if object_type.is_singleton:
        return {"type": object_type.name, "url": url_of(object_type, "", occurrence.parent)}
    return {
        "id": identifier,
        "type": object_type.name,
        "url": named_url(object_type, occurrence.after, occurrence.parent, settings),
    }


def named_url(object_type: ObjectType, body: Body, parent: str, settings: Body) -> str:
    """The URL in the object's events, where the object has two URLs."""
    owner = body.get(object_type.alternate_parent) if object_type.alternate_parent else None
    if owner and settings["tax_id_urls"] == "customer":
        return filled(object_type.alternate_path, body["id"], owner)
    return url_of(object_type, body.get("id", ""), parent)


def _reason() -> Body:
    request = {"id": f"req_{random_text(14)}", "idempotency_key": str(uuid4())}
    return {"type": "request", "request": request}


def _data(occurrence: Occurrence, settings: Body) -> Body | None:
    if occurrence.object_type is SUMMARY and settings["entitlement_data"] == "none":
        return None
    if occurrence.data is not None:
        return occurrence.data
    fields = occurrence.object_type.event_data.get(occurrence.name)
    return {name: occurrence.after.get(source) for name, source in fields.items()} if fields else None


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
    """The notification; the settings decide what Stripe does not document."""
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


def ping_event(destination: str = "", *, livemode: bool = False) -> Event:
    """The ping of a destination, or of one that does not exist."""
    instant = now()
    destination = destination or f"ed_test_61{random_text(40)}"
    related = {
        "id": destination,
        "type": "v2.core.event_destination",
        "url": f"/v2/core/event_destinations/{destination}",
    }
    notification = {
        "id": new_event_id(livemode=livemode),
        "object": "v2.core.event",
        "type": PING,
        "created": rfc3339(instant),
        "livemode": livemode,
        "context": None,
        "reason": None,
        "related_object": related,
    }
    return Event(notification, instant)
