"""Mutants of how a fetch waits for other workers."""

from collections.abc import Sequence

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.ports import Ports
from billing_mirror.process.already_fresh import Known, is_fresh
from billing_mirror.process.coalescing import awaited_token, coalesce
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.refresh.claims import Superseded
from billing_mirror.refresh.in_flight import PATIENCE, written

from .registry import mutant, replaces


@mutant("a later claim ends a message, before anything was fetched under it")
@replaces(coalesce)
async def trusts_later_claim(
    token: int, *, ref: ObjectRef, items: Sequence[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> None:
    await dependencies.ports.clock.sleep(dependencies.pause)
    claim = (await dependencies.ports.mirror.claims([ref])).get(ref.key)
    if claim is not None and claim.claimed > token:
        raise Superseded


@mutant("any write ends the wait for a later claim's")
@replaces(written)
async def takes_any_write(ports: Ports, ref: ObjectRef, least: int, *, within: float = PATIENCE) -> Head | None:
    return await written(ports, ref, UNCLAIMED_TOKEN, within=within)


@mutant("a claim in flight answers a message, before anything was fetched under it")
@replaces(is_fresh)
def takes_claims_for_fetches(items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies) -> bool:
    is_in_flight = known.claim is not None and awaited_token(items, known, dependencies) is not None
    return is_in_flight or is_fresh(items, known, dependencies)
