"""What another worker is about to store, so that it is not fetched again."""

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import Claim, Head
from billing_mirror.ports import Ports

PATIENCE = 5.0
"""Seconds after a claim in which its write is awaited: its worker waits for its turn at Stripe, and for the answer."""
FIRST_PAUSE, MAX_PAUSE = 0.1, 1.0
"""Seconds before the first read, and between two reads at most; each pause is twice the one before."""


async def write_in_flight(ports: Ports, ref: ObjectRef, *, above: int) -> Head | None:
    """The object's state after a write above a token, where a claim above it was just taken; None where it fails."""
    claim = (await ports.mirror.claims([ref])).get(ref.key)
    if claim is None or claim.claimed <= above:
        return None
    return await written(ports, ref, above + 1, within=patience_left(claim, ports.clock.now()))


def patience_left(claim: Claim, now: float) -> float:
    """Seconds for which the write of a claim is still awaited. An older claim has failed, and is tried again later.

    Its worker's clock may be ahead of this one's.
    """
    return min(PATIENCE, claim.claimed_at + PATIENCE - now)


async def written(ports: Ports, ref: ObjectRef, least: int, *, within: float) -> Head | None:
    """The object's state, once it has at least this token; None where that takes longer than some seconds."""
    pause, waited = FIRST_PAUSE, 0.0
    while waited < within:
        await ports.clock.sleep(pause)
        head = (await ports.mirror.heads([ref])).get(ref.key)
        if head is not None and head.token >= least:
            return head
        pause, waited = min(2 * pause, MAX_PAUSE), waited + pause
    return None
