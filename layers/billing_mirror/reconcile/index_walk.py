"""The walk over the mirror's index of a type, in batches, from a position on."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from billing_mirror.core.checkpoints import IndexPosition
from billing_mirror.core.object_ref import Scope
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
        if wanted(entry):
            batch.append(entry)
        if len(batch) == BATCH or scanned == MAX_SCANNED:
            yield IndexBatch(batch, IndexPosition(*entry), is_last=False)
            batch, scanned = [], 0
    if batch:
        yield IndexBatch(batch, IndexPosition(*batch[-1]), is_last=True)
