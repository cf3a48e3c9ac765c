"""Mutants of the job that compares the mirror with Stripe's lists and repairs it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace

from billing_mirror.core.catalog import ApiChannel, ObjectType
from billing_mirror.core.errors import NotFound
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.drift import Difference, compare
from billing_mirror.core.runs.run import Drift, Job
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import Claim, Head, is_in_flight
from billing_mirror.ports import Mirror, Ports, Stripe, StripeRequest, StripeResponse
from billing_mirror.reconcile.jobs.repair import repair_one, verify_and_repair
from billing_mirror.reconcile.jobs.verify import _never_seen, _verify_page, _verify_unlisted
from billing_mirror.reconcile.lists.listing import BEGINNING, ListStep, read_lists
from billing_mirror.reconcile.lists.pages import ObjectPage, ResumePoint
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.checkpoints import Checkpoint
from billing_mirror.refresh.from_lists import Stored, store_unclaimed

from .registry import mutant, replaces

save = ActiveRun.save


@replaces(store_unclaimed)
async def claims_before_insert(new: Mapping[ObjectRef, Item], mirror: Mirror) -> dict[ObjectRef, Stored]:
    return {ref: await mirror.put(ref, (await mirror.claim(ref, 0.0))[0], item) for ref, item in new.items()}


@replaces(_verify_page)
async def inserts_in_any_job(object_type: ObjectType, page: ObjectPage, run: ActiveRun) -> None:
    as_backfill = copy(run)
    as_backfill.record = replace(run.record, job=Job.BACKFILL)
    await _verify_page(object_type, page, as_backfill)


@mutant(
    "verify writes the bodies of a list over the objects",
    also=(claims_before_insert, inserts_in_any_job),
)
@replaces(_never_seen)
def inserts_what_differs(
    objects: Sequence[JsonObject], refs: Mapping[str, ObjectRef], heads: Mapping[str, Head]
) -> dict[ObjectRef, JsonObject]:
    object_types = [ref.object_type for ref in refs.values()]
    differing = compare(object_types[0], objects, heads) if object_types else {}
    return _never_seen(objects, refs, {name: head for name, head in heads.items() if name not in differing})


@mutant("verify writes a tombstone for what no list shows")
@replaces(verify_and_repair)
async def tombstones_unlisted(differences: Mapping[ObjectRef, Difference], run: ActiveRun) -> None:
    mirror = run.ports.mirror
    for ref in differences if Difference.NOT_LISTED in differences.values() else ():
        run.mark_verified([ref])
        missing = Observation(run.ports.clock.now(), "1", "")
        token, _ = await mirror.claim(ref, 0.0)
        await mirror.put_tombstone(ref, token, items.tombstone(missing, ref))
    await verify_and_repair(differences, run)


class EmptyStripe:
    """Implements ``ports.Stripe``, and has no object at all."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    @property
    def livemode(self) -> bool:
        return self._stripe.livemode

    def version(self, api: ApiChannel) -> str:
        return self._stripe.version(api)

    async def get(self, request: StripeRequest) -> StripeResponse:
        await self._stripe.get(request)
        raise NotFound(request.path)


@replaces(repair_one)
async def believes_missing_from_lists(ref: ObjectRef, drift: Drift, run: ActiveRun) -> None:
    if drift.difference is Difference.NOT_LISTED:
        run = copy(run)
        run.ports = replace(run.ports, stripe=EmptyStripe(run.ports.stripe))
    await repair_one(ref, drift, run)


@mutant(
    "the ids of a page are not saved, and what no page shows gets a tombstone whatever the fetch says",
    also=(believes_missing_from_lists,),
)
@replaces(ActiveRun.save)
async def forgets_ids(self: ActiveRun, checkpoint: Checkpoint, shown: Sequence[str] = ()) -> None:
    await save(self, checkpoint)


@mutant("an interrupted run resumes after a page that it has not compared")
@replaces(read_lists)
async def saves_before_comparing(
    object_type: ObjectType, scope: Scope, ports: Ports, start: ListCheckpoint = BEGINNING
) -> AsyncIterator[ListStep]:
    held: list[ListStep] = []
    async for step in read_lists(object_type, scope, ports, start):
        if isinstance(step, ResumePoint):
            yield step
        for one in held:
            yield one
        held = [] if isinstance(step, ResumePoint) else [step]


@mutant("verify does not fetch what no list shows")
@replaces(_verify_unlisted)
async def ignores_unlisted(object_type: ObjectType, run: ActiveRun) -> None:
    return


@mutant("verify finds only what is missing")
@replaces(compare)
def finds_missing_only(
    object_type: ObjectType,
    listed: Iterable[JsonObject],
    heads: Mapping[str, Head],
    stripe_version: str | None = None,
    missing_fields: tuple[str, ...] = (),
) -> dict[str, Difference]:
    found = compare(object_type, listed, heads, stripe_version, missing_fields)
    return {name: difference for name, difference in found.items() if difference is not Difference.DIFFERENT}


@mutant("the claim of a dead worker keeps verify away for good")
@replaces(is_in_flight)
def believes_dead_claims(head: Head | None, claim: Claim | None, *, now: float) -> bool:
    return is_in_flight(head, claim, now=min(now, claim.claimed_at) if claim else now)
