"""Which parent a nested object has, when the event's URL does not name it.

The documentation shows such URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards
"""

from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import body
from billing_mirror.core.errors import Gone, Refused, Retryable
from billing_mirror.core.known import READ_LAG, Head
from billing_mirror.core.notification import Notification
from billing_mirror.core.subject import Subject, checked_id

from .batch import Task
from .one_subject import World


async def with_parent(subject: Subject, tasks: Sequence[Task], head: Head | None, world: World) -> Subject:
    """The subject with the parent that its URL needs: from a message, the mirror, or the fetched event."""
    if not subject.needs_parent:
        return subject
    told = (task.subject.parent for task in tasks if task.subject is not None and task.subject.parent)
    parent = next(told, None) or (head.parent if head else None) or await _parent_in_events(subject, tasks, world)
    return replace(subject, parent=checked_id(parent))


async def _parent_in_events(subject: Subject, tasks: Sequence[Task], world: World) -> str:
    for task in tasks:
        if isinstance(task.message, Notification):
            parent = await _parent_in_event(subject, task.message, world)
            if parent is not None:
                return parent
    raise Refused(f"the parent of {subject.id} is not known: no event of it that Stripe still keeps names it")


async def _parent_in_event(subject: Subject, notification: Notification, world: World) -> str | None:
    try:
        event = await world.stripe.get(
            f"/v2/core/events/{notification.id}",
            api=subject.row.api,
            context=subject.scope.context,
            event=notification.id,
        )
    except Gone as error:
        if world.clock.now() - notification.created.timestamp() < READ_LAG:
            raise Retryable(f"Stripe does not show the event {notification.id} yet") from error
        return None
    return body.text_at(event.body, f"data.{subject.row.parent_in_event}")
