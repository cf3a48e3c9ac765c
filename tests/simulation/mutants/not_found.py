"""Mutants of what a missing object means: deleted, or not shown yet."""

from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import NotFound, TransientError
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Notification
from billing_mirror.core.mirror_state import Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Ports, Stripe, StripeResponse
from billing_mirror.process.already_fresh import _contradicts_tombstone
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.process.not_found import _may_appear_yet, _young_for, require_not_found
from billing_mirror.reconcile.repair import _may_exist
from billing_mirror.refresh.fetch import _get
from billing_mirror.refresh.related_objects import _may_lack_members

from .registry import mutant, replaces


@mutant("any 404 is a deletion at once")
@replaces(require_not_found)
async def believes_any_404(
    ref: ObjectRef, items: list[WorkItem], now: float, dependencies: ProcessDependencies
) -> None:
    return


@mutant("only a creation makes a 404 wait")
@replaces(_may_appear_yet)
def waits_for_creations_only(items: list[WorkItem], now: float) -> bool:
    created = [
        item for item in items if isinstance(item.message, Notification) and item.message.type.endswith(".created")
    ]
    return _may_appear_yet(created, now)


@mutant("an object that was just made gets a tombstone where another object's list lacks it")
@replaces(_young_for)
async def ignores_age(ref: ObjectRef, items: list[WorkItem], now: float, ports: Ports) -> float:
    return 0.0


@replaces(_may_exist)
def ignores_list(difference: Difference, mirrored: JsonObject | None, now: float) -> bool:
    return _may_exist(Difference.NOT_LISTED, mirrored, now)


@mutant("a tombstone that verify made of an object on a list makes any message already fresh", also=(ignores_list,))
@replaces(_contradicts_tombstone)
def believes_tombstone(items: list[WorkItem], head: Head) -> bool:
    return False


tombstones_listed_object = mutant("verify writes a tombstone for an object that a list has just shown")(ignores_list)


@mutant("verify writes a tombstone for an object that was just made")
@replaces(_may_exist)
def ignores_creation(difference: Difference, mirrored: JsonObject | None, now: float) -> bool:
    return _may_exist(difference, None, now)


@mutant("a 5xx counts as NotFound")
@replaces(_get)
async def takes_failure_for_not_found(ref: ObjectRef, stripe: Stripe, *, event: str | None) -> StripeResponse:
    try:
        return await _get(ref, stripe, event=event)
    except TransientError as error:
        raise NotFound(str(error)) from error


@mutant("the lists of a new version are not read again")
@replaces(_may_lack_members)
def reads_lists_once(observation: Observation, head: Head | None) -> bool:
    return observation.completed and _may_lack_members(observation, head)
