"""Which messages need no fetch: the mirror already shows what they announce, and no older fetch can replace that.

An event is answered by a fetch that followed it or a newer event, by Stripe's clock alone; any message by a fetch that
started well after it was sent, by two clocks and a margin.
"""

from collections.abc import Mapping, Sequence

from billing_mirror.core import mirror_state
from billing_mirror.core.messages import Notification, RefreshRequest
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import ObjectRef

from .messages import ProcessDependencies, WorkItem


async def already_fresh(
    groups: Sequence[list[WorkItem]],
    refs: Sequence[ObjectRef],
    heads: Mapping[str, Head],
    dependencies: ProcessDependencies,
) -> list[bool]:
    """For the messages about each object: whether the mirror shows what they announce, and will keep showing it.

    Reads the counters of all objects in question at once.
    """
    answered = [
        is_answered(items, heads.get(ref.key), margin=dependencies.clock_skew_margin)
        for items, ref in zip(groups, refs, strict=True)
    ]
    asked = [ref for ref, is_shown in zip(refs, answered, strict=True) if is_shown]
    # A worker that claimed after the mirrored fetch may have fetched before the change, and its write would win.
    claims = await dependencies.ports.mirror.claims(asked) if asked else {}
    return [
        is_shown and _is_last_claim(heads[ref.key], claims.get(ref.key))
        for ref, is_shown in zip(refs, answered, strict=True)
    ]


def is_answered(items: list[WorkItem], head: Head | None, *, margin: float) -> bool:
    """Whether the mirrored fetch shows what all messages about an object announce."""
    if head is None or _contradicts_tombstone(items, head):
        return False  # a tombstone does not answer a message about an existing object
    if (head.follow_ups_due or head.missing_fields) and not head.deleted:
        return False  # this message may start what the mirrored fetch left out, or have the field shown by now
    if not head.deleted and any(_is_unlisted(item) for item in items):
        return False  # no event announces the removal, so nothing but a fetch makes up for a clock that is wrong
    return _are_answered(items, head, margin=margin)


def newest_event(items: Sequence[WorkItem]) -> Notification | None:
    """The newest event among messages, of those that are not dated in the future."""
    events = [
        item.message
        for item in items
        if isinstance(item.message, Notification) and not _is_dated_ahead(item.message, item)
    ]
    return max(events, key=lambda event: event.created, default=None)


def _is_dated_ahead(event: Notification, item: WorkItem) -> bool:
    """Whether a test clock has dated the event later than its message was sent: it would hide later events.

    https://docs.stripe.com/billing/testing/test-clocks
    """
    return event.created.timestamp() > item.received.sent_at


def _contradicts_tombstone(items: list[WorkItem], head: Head) -> bool:
    """Whether the mirror holds a tombstone, and some message does not announce a deletion."""
    return head.deleted and not all(item.announces_deletion for item in items)


def _is_last_claim(head: Head, claim: Claim | None) -> bool:
    """Whether the mirrored fetch has the newest token."""
    return claim is not None and claim.claimed == head.token


def _is_unlisted(item: WorkItem) -> bool:
    return isinstance(item.message, RefreshRequest) and item.message.unlisted


def _are_answered(items: list[WorkItem], head: Head, *, margin: float) -> bool:
    """Whether the mirrored fetch answers every message."""
    return all(_is_answered(item, head, margin=margin) for item in items)


def _is_answered(item: WorkItem, head: Head, *, margin: float) -> bool:
    if isinstance(item.message, Notification) and mirror_state.follows_event(
        head, item.message.identity, item.message.created.timestamp()
    ):
        return True
    return mirror_state.is_fresh_enough(head, sent_at=_relevant_at(item), margin=margin)


def _relevant_at(item: WorkItem) -> float:
    """The time, in seconds since 1970, before which no fetch answers the message."""
    message = item.message
    return (
        max(item.received.sent_at, message.not_before) if isinstance(message, RefreshRequest) else item.received.sent_at
    )
