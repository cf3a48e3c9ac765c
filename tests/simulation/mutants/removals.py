"""Mutants of the brake on mass deletion."""

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.brake import are_too_many
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.drift import Difference
from billing_mirror.reconcile.jobs.brake import held_back, require_few_removals
from billing_mirror.reconcile.jobs.verify import _remove_held
from billing_mirror.reconcile.runs.active_run import ActiveRun

from .registry import mutant, replaces


@mutant("a run removes any number of objects")
@replaces(are_too_many)
def finds_never_too_many(removed: int, known: int) -> bool:
    return False


@mutant("a run that holds too many removals completes")
@replaces(require_few_removals)
def requires_nothing(counted: ListCheckpoint, run: ActiveRun) -> None:
    return


@mutant("the few removals that a run has held are forgotten")
@replaces(_remove_held)
async def forgets_held(object_type: ObjectType, difference: Difference, run: ActiveRun) -> None:
    run.removals.are_held = False


@mutant("a tick does not know what the ticks before have held")
@replaces(held_back)
async def knows_own_tick_only(object_type: ObjectType, run: ActiveRun) -> list[ObjectRef]:
    return []
