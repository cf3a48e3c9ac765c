"""What only the fetched event tells: which parent a nested object has, or whose an object without an id is.

The documentation shows nested URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards. Some
events have no related object at all: their data names the customer.
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


async def resolve_parent(ref: ObjectRef, tasks: Sequence[WorkItem], head: Head | None, ports: Ports) -> ObjectRef:
    """The subject with the parent that its URL needs: from a message, the mirror, or the fetched event."""
    if not ref.needs_parent:
        return ref
    told = (task.ref.parent for task in tasks if task.ref is not None and task.ref.parent)
    parent = next(told, None) or (head.parent if head else None) or await _parent_in_events(ref, tasks, ports)
    return replace(ref, parent=validate_id(parent))


async def resolve(task: WorkItem, ports: Ports) -> WorkItem:
    """The task of an event that does not name its object; still without a subject where its data does not either."""
    unresolved, event = task.unresolved, task.message
    if unresolved is None or not isinstance(event, Notification):
        return task
    try:
        owner = await _in_event(event, unresolved.scope, unresolved.object_type.api, unresolved.owner, ports)
        return replace(task, ref=unresolved.resolve(owner) if owner else None)
    except Exception as error:  # noqa: BLE001 - one event's failure must not take its neighbours along
        return replace(task, problem=error)


async def _parent_in_events(ref: ObjectRef, tasks: Sequence[WorkItem], ports: Ports) -> str:
    for task in tasks:
        if isinstance(task.message, Notification):
            path = ref.object_type.owner_in_event or ""
            parent = await _in_event(task.message, ref.scope, ref.object_type.api, path, ports)
            if parent is not None:
                return parent
    raise PermanentError(f"the parent of {ref.id} is not known: no event of it that Stripe still keeps names it")


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
