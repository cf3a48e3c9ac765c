"""Mutants of the conditional write and of tombstones."""

from math import inf

from billing_mirror.adapters.table.chunked_write import Replaced
from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import NO_EVENTS, Head, LastEvents
from billing_mirror.ports import Mirror, Ports
from billing_mirror.refresh.apply import _put, _shows, apply
from billing_mirror.refresh.claims import require_claimed, take_claim
from billing_mirror.refresh.repeated_write import is_stored
from tests.doubles.mirror import MemoryMirror

from .registry import mutant, replaces

replace_item = MemoryMirror.replace
put_tombstone = MemoryMirror.put_tombstone


@mutant("the write has no condition")
@replaces(MemoryMirror._newer)
def accepts_any_token(self: MemoryMirror, ref: ObjectRef, token: int) -> bool:
    return True


@mutant("a 404 leaves no tombstone")
@replaces(apply)
async def writes_no_tombstone(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None, *, hops: int = 0
) -> Outcome:
    if observation.live is None:
        return Outcome.REMOVED
    return await apply(ports, ref, token, observation, head, hops=hops)


@mutant("a tombstone deletes the item, and its token with it")
@replaces(MemoryMirror.put_tombstone)
async def deletes_item(self: MemoryMirror, ref: ObjectRef, token: int, tombstone: Item) -> bool:
    written = await put_tombstone(self, ref, token, tombstone)
    if written:
        del self.objects[ref.key]
    return written


@mutant("a put never replaces a tombstone")
@replaces(MemoryMirror.replace)
async def keeps_tombstone(self: MemoryMirror, ref: ObjectRef, token: int, item: Item) -> Replaced:
    if self.objects.get(ref.key, {}).get("deleted"):
        return Replaced(stored=False, had_chunks=False)
    return await replace_item(self, ref, token, item)


@mutant("an unchanged object is not written")
@replaces(_put)
async def skips_unchanged(ports: Ports, ref: ObjectRef, token: int, head: Head | None, item: Item) -> Outcome:
    if head is not None and _shows(head, item):
        return Outcome.UNCHANGED
    return await _put(ports, ref, token, head, item)


@mutant("a write that the busy table refuses counts as stored")
@replaces(_put)
async def ignores_busy_table(ports: Ports, ref: ObjectRef, token: int, head: Head | None, item: Item) -> Outcome:
    try:
        return await _put(ports, ref, token, head, item)
    except TransientError:
        return Outcome.STORED


@mutant("a write whose answer was lost is not recognized")
@replaces(is_stored)
async def recognizes_no_write(mirror: Mirror, ref: ObjectRef, token: int, item: Item) -> bool:
    return False


@replaces(require_claimed)
async def believes_every_token(mirror: Mirror, ref: ObjectRef, token: int) -> None:
    return


@mutant("a counter that is behind its object's token stays behind", also=(believes_every_token,))
@replaces(take_claim)
async def claims_below(
    mirror: Mirror,
    ref: ObjectRef,
    *,
    claimed_at: float,
    head: Head | None,
    events: LastEvents = NO_EVENTS,
    unless_since: float = inf,
) -> tuple[int, LastEvents]:
    return await mirror.claim(ref, claimed_at, events, unless_since=unless_since)
