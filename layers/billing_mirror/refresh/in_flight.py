"""What another worker is about to store, so that it is not fetched again."""

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Head, is_in_flight
from billing_mirror.ports import Ports

PATIENCE = 5.0
"""Seconds for which the write of a claim is awaited: its worker waits for its turn at Stripe, and for the answer."""
SHORTLY = 1.5
"""Seconds for which a write is awaited that is only likely."""
FIRST_PAUSE, MAX_PAUSE = 0.1, 1.0
"""Seconds before the first read, and between two reads at most; each pause is twice the one before."""


async def written(ports: Ports, ref: ObjectRef, least: int, *, within: float = PATIENCE) -> Head | None:
    """The mirror's state, once it has at least this token; None where that takes too long."""
    pause, waited = FIRST_PAUSE, 0.0
    while waited < within:
        await ports.clock.sleep(pause)
        head = (await ports.mirror.heads([ref])).get(ref.key)
        if head is not None and head.token >= least:
            return head
        pause, waited = min(2 * pause, MAX_PAUSE), waited + pause
    return None


async def first_write(ports: Ports, ref: ObjectRef) -> Head | None:
    """The state of an object that the mirror has not seen, where another worker is about to store it."""
    claim = (await ports.mirror.claims([ref])).get(ref.key)
    if claim is None or not is_in_flight(None, claim, now=ports.clock.now()):
        return None
    return await written(ports, ref, UNCLAIMED_TOKEN)
