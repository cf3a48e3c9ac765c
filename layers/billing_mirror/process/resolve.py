"""Refs that only the fetched event completes: the parent of a nested object, the owner of an object without an id.

The documentation shows nested URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards. Some
events have no related object at all; their data names the customer.
"""

from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound, PermanentError, TransientError
from billing_mirror.core.messages import Notification
from billing_mirror.core.mirror_state import Head, may_lag
from billing_mirror.core.object_ref import ObjectRef, Scope, validate_id
from billing_mirror.ports import Ports, StripeRequest

from .messages import WorkItem


async def resolve_parent(ref: ObjectRef, items: Sequence[WorkItem], head: Head | None, ports: Ports) -> ObjectRef:
    """The ref with the parent that its URL needs: from a message, the mirror, or a fetched event."""
    if not ref.needs_parent:
        return ref
    named = (item.ref.parent for item in items if item.ref is not None and item.ref.parent)
    parent = next(named, None) or (head.parent if head else None) or await _parent_in_events(ref, items, ports)
    return replace(ref, parent=validate_id(parent))


async def resolve(item: WorkItem, ports: Ports) -> WorkItem:
    """The item with the ref that the fetched event names; without a ref where the event's data names none."""
    unresolved, event = item.unresolved, item.message
    if unresolved is None or not isinstance(event, Notification):
        return item
    try:
        owner = await _in_event(event, unresolved.scope, unresolved.object_type.api, unresolved.owner, ports)
        return replace(item, ref=unresolved.resolve(owner) if owner else None)
    except Exception as error:  # noqa: BLE001 - one event's failure must not end the others
        return replace(item, problem=error)


async def _parent_in_events(ref: ObjectRef, items: Sequence[WorkItem], ports: Ports) -> str:
    for item in items:
        if isinstance(item.message, Notification):
            path = ref.object_type.owner_in_event or ""
            parent = await _in_event(item.message, ref.scope, ref.object_type.api, path, ports)
            if parent is not None:
                return parent
    raise PermanentError(f"the parent of {ref.id} is not known: no event that Stripe still keeps names it")


async def _in_event(event: Notification, scope: Scope, api: ApiChannel, path: str, ports: Ports) -> str | None:
    """The id at a path of the fetched event's data."""
    try:
        fetched = await ports.stripe.get(
            StripeRequest(f"/v2/core/events/{event.id}", api, scope.context, event_id=event.id)
        )
    except NotFound as error:
        if may_lag(event.created.timestamp(), ports.clock.now()):
            raise TransientError(f"Stripe does not show the event {event.id} yet") from error
        return None
    if json_body.text_at(fetched.body, "id") != event.id:
        raise TransientError(f"Stripe answered with something else than the event {event.id}")
    return json_body.text_at(fetched.body, f"data.{path}")
