"""The walk over the mirror's index of a type, in batches, from a position on."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import text_at
from billing_mirror.core.object_ref import ObjectRef, Scope, is_digest, key_id
from billing_mirror.core.runs.checkpoints import IndexPosition
from billing_mirror.ports import IndexEntry, Mirror

BATCH = 100
"""Objects that one batch holds at most."""
MAX_SCANNED = 10_000
"""Entries that one batch reads at most: a walk over the whole index may take longer than one tick."""


@dataclass(frozen=True, slots=True)
class IndexBatch:
    """Wanted entries of the index, and the position after which the walk resumes."""

    entries: Sequence[IndexEntry]
    end: IndexPosition
    is_last: bool


def _all(_: IndexEntry) -> bool:
    return True


async def walk_index(
    mirror: Mirror,
    scope: Scope,
    type_name: str,
    after: IndexPosition,
    *,
    status: str | None = None,
    wanted: Callable[[IndexEntry], bool] = _all,
) -> AsyncIterator[IndexBatch]:
    """The objects of a type after a position, in the order of the index. Batches but the last may be empty."""
    batch: list[IndexEntry] = []
    scanned = 0
    async for entry in mirror.ids(scope, type_name, status=status, since=after.created or None):
        if entry <= after:
            continue
        scanned += 1
        named = await _with_whole_id(mirror, scope, type_name, entry) if is_digest(entry.id) else entry
        if wanted(named):
            batch.append(named)
        if len(batch) == BATCH or scanned == MAX_SCANNED:
            yield IndexBatch(batch, IndexPosition(*entry), is_last=False)
            batch, scanned = [], 0
    if batch:
        yield IndexBatch(batch, IndexPosition(batch[-1].created, key_id(batch[-1].id)), is_last=True)


async def _with_whole_id(mirror: Mirror, scope: Scope, type_name: str, entry: IndexEntry) -> IndexEntry:
    """The entry of a digest, with the id that the body has."""
    body = await mirror.body(ObjectRef(scope, TYPES[type_name], entry.id))
    return IndexEntry(entry.created, text_at(body, "id") or entry.id)
