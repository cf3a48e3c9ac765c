"""Which messages need no fetch: the mirror already shows what they announce, and no older fetch can replace that.

An event is answered by a fetch that followed it or a newer event, by Stripe's clock alone; an object's creation by
whatever has shown the object; any event by a fetch that started well after it was sent, by two clocks and a margin. A
refresh request is answered by the state that has led to it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from billing_mirror.core.events.messages import Notification, RefreshRequest
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import mirror_state
from billing_mirror.core.table.mirror_state import Claim, Head

from .messages import ProcessDependencies, WorkItem


class Known(NamedTuple):
    """What the mirror knows of an object. The claim is read only where it decides."""

    head: Head | None
    claim: Claim | None


async def read_known(
    groups: Sequence[list[WorkItem]], refs: Sequence[ObjectRef], dependencies: ProcessDependencies
) -> Mapping[ObjectRef, Known]:
    """What the mirror knows of the objects that groups of messages are about. Raises ``TransientError``."""
    mirror, margin = dependencies.ports.mirror, dependencies.clock_skew_margin
    heads = await mirror.heads(refs)

    def decides(items: list[WorkItem], head: Head | None) -> bool:
        is_in_time = head is not None and is_answered(items, head, margin=margin)
        return is_in_time or have_waited(items, dependencies)

    deciding = [ref for items, ref in zip(groups, refs, strict=True) if decides(items, heads.get(ref.key))]
    claims = await mirror.claims(deciding) if deciding else {}
    return {ref: Known(heads.get(ref.key), claims.get(ref.key)) for ref in refs}


def is_fresh(items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies) -> bool:
    """Whether the mirror shows what all messages about an object announce, and will keep showing it.

    A worker that claimed after the mirrored fetch may have fetched before the change, and its write would win.
    """
    head = known.head
    if head is None or not is_answered(items, head, margin=dependencies.clock_skew_margin):
        return False
    return mirror_state.is_last_claim(head, known.claim)


def have_waited(items: Sequence[WorkItem], dependencies: ProcessDependencies) -> bool:
    """Whether all messages were sent longer ago than two clocks may differ."""
    margin, now = dependencies.clock_skew_margin, dependencies.ports.clock.now()
    return margin > 0 and all(item.received.sent_at + margin < now for item in items)


def is_answered(items: Sequence[WorkItem], head: Head, *, margin: float) -> bool:
    """Whether the mirrored fetch shows what all messages about an object announce."""
    if _contradicts_tombstone(items, head):
        return False  # a tombstone does not answer a message about an existing object
    if (head.follow_ups_due or head.missing_fields) and not head.deleted:
        return False  # this message may start what the mirrored fetch left out, or have the field shown by now
    return all(_is_answered(item, head, margin=margin) for item in items)


def newest_events(items: Sequence[WorkItem]) -> list[Notification]:
    """Among messages, the newest event and those that may not be older, without those that are dated in the future."""
    events = [
        item.message
        for item in items
        if isinstance(item.message, Notification) and not is_dated_ahead(item.message, item)
    ]
    events.sort(key=lambda event: event.created, reverse=True)
    return [one for one in events if mirror_state.ends_at(one.created.timestamp()) > events[0].created.timestamp()]


def is_dated_ahead(event: Notification, item: WorkItem) -> bool:
    """Whether a test clock has dated the event later than its message was sent: it would hide later events.

    https://docs.stripe.com/billing/testing/test-clocks
    """
    return event.created.timestamp() > item.received.sent_at


def _contradicts_tombstone(items: Sequence[WorkItem], head: Head) -> bool:
    """Whether the mirror holds a tombstone, and some message does not announce a deletion."""
    return head.deleted and not all(item.announces_deletion for item in items)


def _is_answered(item: WorkItem, head: Head, *, margin: float) -> bool:
    message = item.message
    if isinstance(message, RefreshRequest):
        return _shows_what_was_seen(message, head)
    if message is not None and _follows(message, item, head):
        return True
    if message is not None and is_dated_ahead(message, item):
        return False  # recover, which reads the events of the past, would not find what a wrong clock hides
    return mirror_state.is_fresh_enough(head, sent_at=item.received.sent_at, margin=margin)


def _shows_what_was_seen(request: RefreshRequest, head: Head) -> bool:
    """Whether the mirror shows by now what has led to a request.

    The time of a fetch says nothing here: no event announces the change, so only a fetch makes up for a wrong clock.
    """
    if request.unlisted:
        return head.deleted
    if request.lists:
        return request.lists_of not in ("", head.digest)
    return bool(request.digest) and request.digest == head.digest and not head.deleted


def _follows(event: Notification, item: WorkItem, head: Head) -> bool:
    """Whether the mirror shows what an event announces, whatever any clock says."""
    if mirror_state.follows_event(head, event.identity, event.created.timestamp()):
        return True
    object_type = item.ref.object_type if item.ref else None
    is_creation = object_type is not None and event.creates(object_type)
    return object_type is not None and is_creation and mirror_state.shows_creation(head, object_type)
