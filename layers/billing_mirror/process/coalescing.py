"""Whether the fetch of another worker, which is on its way, makes one's own needless.

The events of one change reach several workers within milliseconds. Nothing is concluded from what a worker intends to
do: a message is done once the mirror holds a fetch that answers it. Where none arrives in time, its worker fetches.
"""

from collections.abc import Sequence

from billing_mirror.core.catalog import MEMBERS
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Head, is_in_flight
from billing_mirror.ports import Ports
from billing_mirror.refresh.claims import Superseded, require_claimed
from billing_mirror.refresh.in_flight import PATIENCE, SHORTLY, written

from .already_fresh import Known, leaves_nothing_to_do
from .messages import ProcessDependencies, WorkItem

MAX_WAITING = 3
"""Claims without a write that wait for a later one: a stream of events must not put off the fetch for ever."""


def awaited_token(items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies) -> int | None:
    """The least token of a write that another worker is about to make, and that will answer the messages."""
    head, claim = known
    sent_at = max(item.received.sent_at for item in items)
    if claim is not None and is_in_flight(head, claim, now=dependencies.ports.clock.now()):
        # No two clocks differ as much: its fetch follows the events.
        return claim.claimed if dependencies.clock_skew_margin < claim.claimed_at - sent_at else None
    is_new = head is None and dependencies.pause > 0 and all(_is_listed_creation(item) for item in items)
    return UNCLAIMED_TOKEN if is_new else None


def _is_listed_creation(item: WorkItem) -> bool:
    """Whether an object was created that a list of its owner shows: the owner is often created, or changed, with it."""
    if item.ref is None or not isinstance(item.message, Notification):
        return False
    object_type = item.ref.object_type
    return item.message.creates(object_type) and object_type.name in MEMBERS


async def after_write(ref: ObjectRef, known: Known, token: int, ports: Ports) -> Known:
    """What the mirror knows after such a write; or as before, where it takes too long."""
    head = await written(ports, ref, token, within=SHORTLY if token == UNCLAIMED_TOKEN else PATIENCE)
    return Known(head, (await ports.mirror.claims([ref])).get(ref.key)) if head is not None else known


async def coalesce(
    token: int, *, ref: ObjectRef, items: Sequence[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> None:
    """Waits for another event of the same change, between a claim and its fetch.

    Raises ``Superseded`` where a later claim was taken meanwhile, and what was fetched under it is stored.
    """
    is_of_event = any(isinstance(item.message, Notification) for item in items)
    unwritten = token - (head.token if head else UNCLAIMED_TOKEN)
    if unwritten > MAX_WAITING or not dependencies.pause or not is_of_event:
        return
    ports = dependencies.ports
    await ports.clock.sleep(dependencies.pause)
    claim = (await ports.mirror.claims([ref])).get(ref.key)
    if claim is None or claim.claimed <= token or not is_in_flight(None, claim, now=ports.clock.now()):
        return
    head = await written(ports, ref, token + 1)
    if head is not None and not head.deleted and leaves_nothing_to_do(head):
        await require_claimed(ports.mirror, ref, token)
        raise Superseded
