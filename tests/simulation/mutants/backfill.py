"""Mutants of the job that fills the mirror from lists."""

from collections.abc import Container, Iterable, Mapping, Sequence

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.checkpoints import ListPart, PagePosition
from billing_mirror.core.runs.ranges import after_page
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.ports import Mirror
from billing_mirror.reconcile.jobs.backfill import _incomplete
from billing_mirror.reconcile.jobs.verify import _never_seen
from billing_mirror.refresh.from_lists import Stored, _is_truncated, store_unclaimed
from tests.doubles.mirror import MemoryMirror

from .registry import mutant, replaces

newer = MemoryMirror._newer


@mutant("a backfill inserts under the token of the first claim")
@replaces(store_unclaimed)
async def inserts_as_first_claim(new: Mapping[ObjectRef, Item], mirror: Mirror) -> dict[ObjectRef, Stored]:
    return {ref: await mirror.put(ref, 1, item) for ref, item in new.items()}


@replaces(_never_seen)
def inserts_what_is_known(
    objects: Sequence[JsonObject], refs: Mapping[str, ObjectRef], heads: Mapping[str, Head]
) -> dict[ObjectRef, JsonObject]:
    return _never_seen(objects, refs, {})


@mutant("a backfill overwrites what is there", also=(inserts_what_is_known,))
@replaces(MemoryMirror._newer)
def lets_inserts_overwrite(self: MemoryMirror, ref: ObjectRef, token: int) -> bool:
    return token == UNCLAIMED_TOKEN or newer(self, ref, token)


@mutant("a backfill stores what a list cuts short")
@replaces(_is_truncated)
def sees_no_cut(value: Json) -> bool:
    return False


@mutant("a backfill queues nothing that a list does not show whole")
@replaces(_incomplete)
def finds_all_complete(new: Iterable[ObjectRef], complete: Container[ObjectRef]) -> list[ObjectRef]:
    return []


@mutant("what is older than the first part of a list is not read")
@replaces(after_page)
def drops_what_is_older(
    part: ListPart, created: Sequence[int], following: PagePosition | None, *, others: int
) -> tuple[ListPart, ...]:
    return after_page(part, created, following, others=others)[:1]
