"""Which parent a nested object has, when its event's URL does not tell.

The documentation shows such URLs with a placeholder left in: https://docs.stripe.com/api/v2/rate-cards
"""

from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import body
from billing_mirror.core.errors import Gone, Refused
from billing_mirror.core.known import Head
from billing_mirror.core.notification import Notification
from billing_mirror.core.subject import Subject, checked_id

from .batch import Task
from .ports import Stripe


async def with_parent(subject: Subject, tasks: Sequence[Task], head: Head | None, stripe: Stripe) -> Subject:
    """The subject with the parent that its URL needs: from a message, the mirror, or the fetched event."""
    if not subject.needs_parent:
        return subject
    told = (task.subject.parent for task in tasks if task.subject is not None and task.subject.parent)
    parent = (
        next(told, None) or (head.parent if head else None) or await _parent_in_event(subject, tasks, stripe)
    )
    return replace(subject, parent=checked_id(parent))


async def _parent_in_event(subject: Subject, tasks: Sequence[Task], stripe: Stripe) -> str:
    notification = next((task.message for task in tasks if isinstance(task.message, Notification)), None)
    path = subject.row.parent_in_event
    if notification is None or path is None:
        raise Refused(f"the parent of {subject.id} is not known")
    try:
        event = await stripe.get(
            f"/v2/core/events/{notification.id}",
            api=subject.row.api,
            context=subject.scope.context,
            event=notification.id,
        )
    except Gone:
        raise Refused(f"the parent of {subject.id} is not known: Stripe no longer keeps its event") from None
    parent = body.text_at(event.body, f"data.{path}")
    if parent is None:
        raise Refused(f"the parent of {subject.id} is not known: its event does not name it")
    return parent
