"""Take claims above what is mirrored, and close them at a final error.

A counter can be behind its object's token: its item was deleted by hand, or the object was restored without it. Every
claim would then be superseded by a token that was never claimed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import TypeAlias

from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import NO_EVENTS, UNCLAIMED_TOKEN, Head, LastEvents, latest_events
from billing_mirror.ports import Mirror

BEHIND = "the object's counter was behind its token"
ABOVE_ALL_LOST = 1_000_000
"""Added to the mirrored token when its counter is raised: more than claims can be in flight from before its loss."""

IsFinal: TypeAlias = Callable[[Exception], bool]
"""Whether nothing tries again after an error."""
BeforeFetch: TypeAlias = Callable[[int], Awaitable[None]]
"""Awaited with the token of a claim before its fetch. Raises ``Superseded`` where that is not needed any more."""


class Superseded(Exception):
    """What was fetched under a later claim is stored."""


async def take_claim(
    mirror: Mirror,
    ref: ObjectRef,
    *,
    claimed_at: float,
    head: Head | None,
    events: LastEvents = NO_EVENTS,
    unless_since: float = inf,
) -> tuple[int, LastEvents]:
    """Takes a token above that of ``head``, the mirrored item as it was read before the claim.

    Returns it with the newest ``events`` that it follows, those of earlier claims included. Raises ``AlreadyClaimed``
    where one of these follows the ``events``, too, and the last one was taken after ``unless_since``.
    """
    token, earlier = await mirror.claim(ref, claimed_at, events, unless_since=unless_since)
    if head is not None and head.token >= token:
        await _raise_above(mirror, ref, head)
        token, earlier = await mirror.claim(ref, claimed_at, events)
        if token <= head.token:
            raise TransientError(f"{BEHIND}, and was lost again")
    return token, latest_events(events, earlier)


async def require_claimed(mirror: Mirror, ref: ObjectRef, token: int) -> None:
    """Raises ``TransientError`` where what refused a write has a token that was given twice, or never."""
    head, claim = (await mirror.heads([ref])).get(ref.key), (await mirror.claims([ref])).get(ref.key)
    if head is not None and (head.token == token or head.token > (claim.claimed if claim else UNCLAIMED_TOKEN)):
        await _raise_above(mirror, ref, head)
        raise TransientError(BEHIND)


async def _raise_above(mirror: Mirror, ref: ObjectRef, head: Head) -> None:
    now = (await mirror.heads([ref])).get(ref.key, head)
    await mirror.raise_counter(ref, max(now.token, head.token) + ABOVE_ALL_LOST)


async def at_once(token: int) -> None:
    """Fetches without waiting for anything."""


def never(error: Exception) -> bool:  # noqa: ARG001 - part of the type
    """For claims of time 0, which are closed from the start."""
    return False


@asynccontextmanager
async def release_at_final_error(mirror: Mirror, ref: ObjectRef, token: int, is_final: IsFinal) -> AsyncIterator[None]:
    """Releases a claim where the work under it fails for good.

    Where the table does not take the release, its ``TransientError`` replaces the final one: the work is tried again.
    """
    try:
        yield
    except Exception as error:
        if is_final(error):
            await mirror.release_claim(ref, token)
        raise
