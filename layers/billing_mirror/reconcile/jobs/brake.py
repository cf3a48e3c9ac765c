"""The brake on mass deletion.

A list that is empty by mistake, or a key that sees nothing, looks like the removal of everything. So the unlisted
objects are counted first; where they are many, none is removed before it is known how many are gone.
"""

from collections.abc import Callable
from dataclasses import replace

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.errors import TooManyDeletions
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.brake import are_too_many
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.run import Counts
from billing_mirror.ports import IndexEntry

from ..lists.index_walk import walk_index
from ..runs.active_run import ActiveRun
from ..runs.removals import HELD


async def count_unlisted(
    object_type: ObjectType, run: ActiveRun, is_unlisted: Callable[[IndexEntry], bool]
) -> ListCheckpoint:
    """Counts the mirrored objects and the unlisted ones, and holds removals back where the latter are many."""
    checkpoint = run.checkpoints.latest(ListCheckpoint)
    if not checkpoint.all_counted:
        checkpoint = await _count(object_type, run, checkpoint, is_unlisted)
    if not run.record.deletions_confirmed and are_too_many(checkpoint.unlisted_count, checkpoint.known):
        await run.save(checkpoint)
        run.removals.are_held = True
        run.removals.held = len(await held_back(object_type, run))
    return checkpoint


async def _count(
    object_type: ObjectType, run: ActiveRun, start: ListCheckpoint, is_unlisted: Callable[[IndexEntry], bool]
) -> ListCheckpoint:
    known, unlisted_count = start.known, start.unlisted_count

    def count_one(entry: IndexEntry) -> bool:
        nonlocal known, unlisted_count
        unlisted = is_unlisted(entry)
        known, unlisted_count = known + 1, unlisted_count + unlisted
        return unlisted

    async for batch in walk_index(run.ports.mirror, run.scope, object_type.name, start.counted, wanted=count_one):
        if not batch.is_last:
            await run.save(replace(start, counted=batch.end, known=known, unlisted_count=unlisted_count))
    return replace(start, known=known, unlisted_count=unlisted_count, all_counted=True)


def require_few_removals(counted: ListCheckpoint, run: ActiveRun) -> None:
    """Raises ``TooManyDeletions`` where more objects are gone than the run may remove."""
    held = run.removals.held
    if not are_too_many(held, counted.known):
        return
    run.count(Counts(held=held))
    raise TooManyDeletions(
        f"Stripe does not return {held} or more of {counted.known} mirrored objects; none of them was removed. If they "
        "are really gone, request the run with confirm_deletions"
    )


async def held_back(object_type: ObjectType, run: ActiveRun) -> list[ObjectRef]:
    """The objects that Stripe does not return, and that the run has kept."""
    return [ObjectRef(run.scope, object_type, drift.id) async for drift in run.evidence.all() if drift.reason == HELD]
