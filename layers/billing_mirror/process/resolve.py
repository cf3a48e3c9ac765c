"""Refs that only the fetched event completes: the parent of a nested object, the owner of an object without an id.

The documentation shows nested URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards. Some
events have no related object at all; their data names the customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel, Piece
from billing_mirror.core.errors import NotFound, PermanentError, TransientError
from billing_mirror.core.events.messages import Notification, RelatedObject, write_message
from billing_mirror.core.events.related_object import UnresolvedRef
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, fill_template, validate_id
from billing_mirror.core.table.mirror_state import Head, may_lag
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
    """The item with the ref that the fetched event names; without a ref where the event's data names none.

    Where the event names several owners, the others are queued, as the same event about each of them.
    """
    unresolved, event = item.unresolved, item.message
    if unresolved is None or not isinstance(event, Notification):
        return item
    try:
        shown = None if unresolved.complete else await _fetched(event, unresolved.scope, ApiChannel.GA, ports)
        pieces = unresolved.pieces_named(shown)
        owners = {one.owner: await _owner_of(one, held, event, unresolved.scope, ports) for one, held in pieces.items()}
        refs = unresolved.resolve(shown, owners)
        await _enqueue_others(event, unresolved, refs, ports)
        return replace(item, ref=next(iter(refs.values()), None))
    except Exception as error:  # noqa: BLE001 - one event's failure must not end the others
        return replace(item, problem=error)


async def _enqueue_others(
    event: Notification, unresolved: UnresolvedRef, refs: Mapping[str, ObjectRef], ports: Ports
) -> None:
    """Queues the event once more for each owner but the first, before the message can end."""
    for path, ref in [*refs.items()][1:]:
        owner = {path: ref.parent or ref.id}
        related = RelatedObject.model_validate({"type": unresolved.type, **owner})
        one = event.model_copy(update={"related_object": related})
        await ports.queue.send(write_message(one), group=f"{ref.scope}:webhook")


async def _parent_in_events(ref: ObjectRef, items: Sequence[WorkItem], ports: Ports) -> str:
    for item in items:
        if isinstance(item.message, Notification):
            path = ref.object_type.owner_in_event or ""
            event = await _fetched(item.message, ref.scope, ref.object_type.api, ports)
            parent = json_body.text_at(event, f"data.{path}")
            if parent is not None:
                return parent
    raise PermanentError(f"the parent of {ref.id} is not known: no event that Stripe still keeps names it")


async def _owner_of(piece: Piece, identifier: str, event: Notification, scope: Scope, ports: Ports) -> str:
    """The id of the owner that holds a piece; empty where the piece is gone, and no owner holds the part any more."""
    request = StripeRequest(fill_template(piece.url, id=identifier), ApiChannel.GA, scope.context, event_id=event.id)
    try:
        fetched = await ports.stripe.get(request)
    except NotFound as error:
        if may_lag(event.created.timestamp(), ports.clock.now()):
            raise TransientError(f"Stripe does not show {identifier} yet") from error
        return ""
    owner = json_body.text_at(fetched.body, piece.owner)
    if owner is None:
        raise TransientError(f"Stripe answered with something else than {identifier}")
    return owner


async def _fetched(event: Notification, scope: Scope, api: ApiChannel, ports: Ports) -> JsonObject | None:
    """The event with its data; None where Stripe no longer keeps it."""
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
    return fetched.body
