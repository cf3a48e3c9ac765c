"""Which messages need no fetch: the mirror already shows what they announce, and no older fetch can replace that."""

from billing_mirror.core import mirror_state
from billing_mirror.core.messages import RefreshRequest
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import ObjectRef

from .messages import ProcessDependencies, WorkItem


async def is_already_fresh(
    items: list[WorkItem], ref: ObjectRef, head: Head | None, dependencies: ProcessDependencies
) -> bool:
    """Whether the mirror shows what the messages about one object announce, and will keep showing it."""
    if head is not None and _contradicts_tombstone(items, head):
        return False  # a tombstone does not answer a message about an existing object
    sent_at = _last_relevant_at(items)
    if head is None or not mirror_state.is_fresh_enough(head, sent_at=sent_at, margin=dependencies.clock_skew_margin):
        return False
    # A worker that claimed after the mirrored fetch may have fetched before the change, and its write would win.
    claim = (await dependencies.ports.mirror.claims([ref])).get(ref.key)
    return _is_last_claim(head, claim)


def _contradicts_tombstone(items: list[WorkItem], head: Head) -> bool:
    """Whether the mirror holds a tombstone, and some message does not announce a deletion."""
    return head.deleted and not all(item.announces_deletion for item in items)


def _is_last_claim(head: Head, claim: Claim | None) -> bool:
    """Whether the mirrored fetch has the newest token."""
    return claim is not None and claim.claimed == head.token


def _last_relevant_at(items: list[WorkItem]) -> float:
    return max(_relevant_at(item) for item in items)


def _relevant_at(item: WorkItem) -> float:
    """The time, in seconds since 1970, before which no fetch answers the message."""
    message = item.message
    return (
        max(item.received.sent_at, message.not_before) if isinstance(message, RefreshRequest) else item.received.sent_at
    )
