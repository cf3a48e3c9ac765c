"""What only the fetched event tells: which parent a nested object has, or whose an object without an id is.

The documentation shows nested URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards. Some
events have no related object at all: their data names the customer.
"""

from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import json_body as body
from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Gone, Refused, Retryable
from billing_mirror.core.messages import Notification
from billing_mirror.core.mirror_state import READ_LAG, Head
from billing_mirror.core.object_ref import Scope, Subject, checked_id
from billing_mirror.refresh.apply import World

from .messages import Task


async def with_parent(subject: Subject, tasks: Sequence[Task], head: Head | None, world: World) -> Subject:
    """The subject with the parent that its URL needs: from a message, the mirror, or the fetched event."""
    if not subject.needs_parent:
        return subject
    told = (task.subject.parent for task in tasks if task.subject is not None and task.subject.parent)
    parent = next(told, None) or (head.parent if head else None) or await _parent_in_events(subject, tasks, world)
    return replace(subject, parent=checked_id(parent))


async def name(task: Task, world: World) -> Task:
    """The task of an event that does not name its object; still without a subject where its data does not either."""
    untold, event = task.untold, task.message
    if untold is None or not isinstance(event, Notification):
        return task
    try:
        owner = await _in_event(event, untold.scope, untold.row.api, untold.owner, world)
        return replace(task, subject=untold.owned_by(owner) if owner else None)
    except Exception as error:  # noqa: BLE001 - one event's failure must not take its neighbours along
        return replace(task, problem=error)


async def _parent_in_events(subject: Subject, tasks: Sequence[Task], world: World) -> str:
    for task in tasks:
        if isinstance(task.message, Notification):
            path = subject.row.owner_in_event or ""
            parent = await _in_event(task.message, subject.scope, subject.row.api, path, world)
            if parent is not None:
                return parent
    raise Refused(f"the parent of {subject.id} is not known: no event of it that Stripe still keeps names it")


async def _in_event(event: Notification, scope: Scope, api: ApiLine, path: str, world: World) -> str | None:
    """The id at a path of the fetched event's data."""
    try:
        fetched = await world.stripe.get(f"/v2/core/events/{event.id}", api=api, context=scope.context, event=event.id)
    except Gone as error:
        if abs(world.clock.now() - event.created.timestamp()) < READ_LAG:
            raise Retryable(f"Stripe does not show the event {event.id} yet") from error
        return None
    if body.text_at(fetched.body, "id") != event.id:
        raise Retryable(f"Stripe answered with something else than the event {event.id}")
    return body.text_at(fetched.body, f"data.{path}")
