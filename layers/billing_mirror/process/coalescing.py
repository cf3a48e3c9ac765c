"""Whether the fetch of another worker, which is on its way, makes one's own needless.

The events of one change reach several workers within milliseconds. Nothing is concluded from what a worker intends to
do: a message is done once the mirror holds a fetch that answers it. Where none arrives in time, its worker fetches.
"""

from collections.abc import Sequence
from math import inf

from billing_mirror.core.catalog import MEMBERS
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Claim
from billing_mirror.refresh.claims import Superseded, require_claimed
from billing_mirror.refresh.in_flight import PATIENCE, patience_left, write_in_flight, written

from .already_fresh import Known, is_dated_ahead
from .messages import ProcessDependencies, WorkItem

NO_CLAIM = Claim(UNCLAIMED_TOKEN, claimed_at=0.0)
LISTED_WITHIN = 1.5
"""Seconds after its event in which a list usually shows a new member: it is made with its owner, or with a version."""


async def after_others(
    ref: ObjectRef, items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies
) -> Known:
    """What the mirror knows once others have stored what they are about to store, if that may answer the messages."""
    head, claim = known
    ports, now = dependencies.ports, dependencies.ports.clock.now()
    if not _are_timely_events(items):
        return known
    sent_at = max(item.received.sent_at for item in items)
    stored = head.token if head else UNCLAIMED_TOKEN
    if claim is not None and claim.claimed > stored and claim.claimed_at > sent_at + dependencies.clock_skew_margin:
        # No two clocks differ as much: its fetch follows the events.
        seen = await written(ports, ref, claim.claimed, within=patience_left(claim, now))
    elif head is None and dependencies.pause and all(_creates_member(item) for item in items):
        seen = await written(ports, ref, UNCLAIMED_TOKEN, within=sent_at + LISTED_WITHIN - now)
    else:
        return known
    return Known(seen, (await ports.mirror.claims([ref])).get(ref.key)) if seen is not None else known


def earliest_claim_awaited(items: Sequence[WorkItem], dependencies: ProcessDependencies) -> float:
    """The time after which another worker's claim that follows the same events is waited for, before one's own.

    A message that comes again may have taken that claim itself, and its fetch has failed.
    """
    waits = dependencies.pause and dependencies.waits_for_claims
    if not waits or not _are_timely_events(items) or any(item.received.receive_count > 1 for item in items):
        return inf
    return dependencies.ports.clock.now() - PATIENCE


async def after_last_claim(ref: ObjectRef, dependencies: ProcessDependencies) -> Known:
    """What the mirror knows once the fetch of the last claim is stored, or has not been stored for some seconds."""
    ports = dependencies.ports
    claim = (await ports.mirror.claims([ref])).get(ref.key, NO_CLAIM)
    seen = await written(ports, ref, claim.claimed, within=patience_left(claim, ports.clock.now()))
    if seen is None:
        seen = (await ports.mirror.heads([ref])).get(ref.key)
    return Known(seen, (await ports.mirror.claims([ref])).get(ref.key))


def _are_timely_events(items: Sequence[WorkItem]) -> bool:
    """Whether all messages are of events, and none is dated ahead."""
    return all(isinstance(item.message, Notification) and not is_dated_ahead(item.message, item) for item in items)


def _creates_member(item: WorkItem) -> bool:
    """Whether an object was created that a list of its owner shows."""
    if item.ref is None or not isinstance(item.message, Notification):
        return False
    return item.message.creates(item.ref.object_type) and item.ref.type in MEMBERS


async def coalesce(token: int, *, ref: ObjectRef, items: Sequence[WorkItem], dependencies: ProcessDependencies) -> None:
    """Waits for another event of the same change, between a claim and its fetch.

    Raises ``Superseded`` where a later claim was taken meanwhile, and what was fetched under it is stored.
    """
    # A refresh request may ask for lists that the fetch for an event leaves out.
    if not dependencies.pause or not all(isinstance(item.message, Notification) for item in items):
        return
    await dependencies.ports.clock.sleep(dependencies.pause)
    seen = await write_in_flight(dependencies.ports, ref, above=token)
    if seen is not None and not seen.follow_ups_due:
        await require_claimed(dependencies.ports.mirror, ref, token)
        raise Superseded
