"""Mutants of how a fetch waits for other workers."""

import asyncio
from collections.abc import Sequence

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, AlreadyClaimed, Head
from billing_mirror.ports import Ports
from billing_mirror.process.already_fresh import Known, is_fresh
from billing_mirror.process.batch import _process_object, _process_unless_answered
from billing_mirror.process.coalescing import coalesce
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.refresh.claims import Superseded
from billing_mirror.refresh.in_flight import write_in_flight, written

from .registry import mutant, replaces


@mutant("a later claim ends a message, before anything was fetched under it")
@replaces(coalesce)
async def trusts_later_claim(
    token: int, *, ref: ObjectRef, items: Sequence[WorkItem], dependencies: ProcessDependencies
) -> None:
    await dependencies.ports.clock.sleep(dependencies.pause)
    claim = (await dependencies.ports.mirror.claims([ref])).get(ref.key)
    if claim is not None and claim.claimed > token:
        raise Superseded


@mutant("a claim for the same event ends a message, before anything was fetched under it")
@replaces(_process_unless_answered)
async def trusts_claim_of_event(
    items: list[WorkItem], ref: ObjectRef, known: Known, dependencies: ProcessDependencies, slots: asyncio.Semaphore
) -> Outcome:
    async with slots:
        try:
            return await _process_object(items, ref, known.head, dependencies)
        except AlreadyClaimed:
            return Outcome.ALREADY_FRESH


@mutant("any write ends the wait for a later claim's")
@replaces(write_in_flight)
async def takes_any_write(ports: Ports, ref: ObjectRef, *, above: int) -> Head | None:
    later = await write_in_flight(ports, ref, above=above)
    return later or await written(ports, ref, UNCLAIMED_TOKEN, within=1.0)


@mutant("a claim in flight answers a message, before anything was fetched under it")
@replaces(is_fresh)
def takes_claims_for_fetches(items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies) -> bool:
    sent_at = max(item.received.sent_at for item in items)
    is_late = known.claim is not None and known.claim.claimed_at > sent_at + dependencies.clock_skew_margin
    return is_late or is_fresh(items, known, dependencies)
