"""Refresh: fetch the objects that a person names, and store them by the write rule."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing_mirror.core.errors import NotFound, PermanentError, TransientError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import Ports
from billing_mirror.refresh.apply import apply, claim_and_fetch
from billing_mirror.refresh.around_stripe.previews import ShownPreviews
from billing_mirror.refresh.around_stripe.retrying import RetryingStripe

from ..dependencies import ReconcileDependencies
from ..gather import gather_all

MAX_CONCURRENCY = 8
"""Objects that are fetched at the same time."""
NO_SUCH_OBJECT = "Stripe has no such object, and the mirror has never seen it; nothing was stored"
NO_PARENT = "the mirror has never seen it: name its parent, which its URL needs"
OUT_OF_TIME = "out of time; request it again"


@dataclass(frozen=True, slots=True)
class RefreshedObject:
    """How the refresh of one object ended: an outcome, or the reason why there is none."""

    ref: ObjectRef
    outcome: Outcome | None = None
    reason: str = ""

    def columns(self) -> dict[str, str | None]:
        """The result, as the answer and the log show it."""
        return {"id": self.ref.id, "type": self.ref.type, "outcome": self.outcome, "reason": self.reason}


async def refresh_objects(
    refs: Sequence[ObjectRef], dependencies: ReconcileDependencies, *, deadline: float
) -> list[RefreshedObject]:
    """Fetches and stores objects until a deadline (seconds since 1970); the results are in the order of ``refs``.

    Needs no lease: like every write of an object, this one follows the write rule.
    """
    clock = dependencies.ports.clock
    ports = replace(dependencies.ports, stripe=RetryingStripe(dependencies.ports.stripe, clock))
    try:
        if dependencies.account is not None:
            await dependencies.account.confirm()
        heads = await ports.mirror.heads(refs)
    except (TransientError, PermanentError) as error:
        return [RefreshedObject(ref, reason=str(error)) for ref in refs]
    semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
    previews = ShownPreviews()

    async def refresh_in_time(ref: ObjectRef) -> RefreshedObject:
        async with semaphore:
            try:
                async with asyncio.timeout(max(0.0, deadline - clock.now())):
                    return await _refresh(ref, heads.get(ref.key), ports, previews)
            except TimeoutError:
                return RefreshedObject(ref, reason=OUT_OF_TIME)
            except (TransientError, PermanentError, NotFound) as error:
                return RefreshedObject(ref, reason=str(error))

    return await gather_all(refresh_in_time(ref) for ref in refs)


async def _refresh(ref: ObjectRef, head: Head | None, ports: Ports, previews: ShownPreviews) -> RefreshedObject:
    if ref.needs_parent and head is not None:
        ref = replace(ref, parent=head.parent)
    if ref.needs_parent:
        return RefreshedObject(ref, reason=NO_PARENT)
    # Time 0: no queue retries this fetch, so the next run must not wait for it.
    token, observation = await claim_and_fetch(ports, ref, claimed_at=0.0, head=head)
    if head is None and observation.live is None:
        return RefreshedObject(ref, reason=NO_SUCH_OBJECT)  # a mistyped id must not leave a tombstone
    if observation.body is None:
        await previews.require(ref, ports.stripe, ports.clock)
    return RefreshedObject(ref, await apply(ports, ref, token, observation, head))
