"""Mutants of what a missing object means: deleted, or not shown yet."""

from collections.abc import Sequence

from billing_mirror.core.errors import NotFound, TransientError
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import Ports, Stripe, StripeResponse
from billing_mirror.process.already_fresh import _contradicts_tombstone
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.process.not_found import _may_appear_yet, _young_for, require_not_found
from billing_mirror.process.second_look import _shows_members, is_second_look, shows_lists
from billing_mirror.reconcile.jobs.repair import _may_exist
from billing_mirror.refresh.fetch import _get

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
def believes_tombstone(items: Sequence[WorkItem], head: Head) -> bool:
    return False


tombstones_listed_object = mutant("verify writes a tombstone for an object that a list has just shown")(ignores_list)


@mutant("a 5xx counts as NotFound")
@replaces(_get)
async def takes_failure_for_not_found(ref: ObjectRef, stripe: Stripe, *, event: str | None) -> StripeResponse:
    try:
        return await _get(ref, stripe, event=event)
    except TransientError as error:
        raise NotFound(str(error)) from error


@mutant("any list that is read again counts as unchanged")
@replaces(shows_lists)
async def skips_second_looks(
    ref: ObjectRef, messages: Sequence[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> bool:
    return head is not None and any(is_second_look(item) for item in messages)


@mutant("a second look does not compare the lists of members")
@replaces(_shows_members)
async def compares_no_members(ref: ObjectRef, names: Sequence[str], head: Head, ports: Ports) -> bool:
    return True


@mutant("a second look answers the other messages about the object")
@replaces(is_second_look)
def takes_all_for_second_looks(item: WorkItem) -> bool:
    return True
