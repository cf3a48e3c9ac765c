"""Mutants of what belongs to an object: the lists inside it, and the related objects that it refreshes."""

from collections.abc import AsyncIterator, Mapping

from billing_mirror.core.catalog import ApiChannel, Sublist
from billing_mirror.core.errors import FeatureUnavailable
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import Mirror, Ports, Stripe
from billing_mirror.refresh.apply import _put, _put_tombstone, _resolve_customer, _with_events, apply
from billing_mirror.refresh.dependants import enqueue_dependants
from billing_mirror.refresh.fetch import ListMoved, Pages, _completed, list_pages
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.members import DifferingMember, differing_members
from billing_mirror.refresh.related_objects import _changed_with, enqueue_related

from .registry import mutant, replaces


@mutant("a list that Stripe cuts short is stored as it is", quick=True)
@replaces(_completed)
async def stores_list_cut_short(ref: ObjectRef, body: JsonObject, sublist: Sublist, stripe: Stripe) -> JsonObject:
    return body


@mutant("a refused later page means that there is no such list")
@replaces(list_pages)
async def mistakes_page_for_list(
    path: str, query: Mapping[str, str], stripe: Stripe, *, api: ApiChannel, context: str | None
) -> Pages:
    try:
        async for page in list_pages(path, query, stripe, api=api, context=context):
            yield page
    except ListMoved as error:
        raise FeatureUnavailable(str(error)) from error


@mutant("the rates that a new version lacks are not fetched")
@replaces(differing_members)
async def ignores_unlisted_members(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror, follow_ups: FollowUps
) -> AsyncIterator[DifferingMember]:
    async for member in differing_members(ref, observation, head, mirror, follow_ups):
        if member.shown is not None:
            yield member


@mutant("refresh requests are sent after the write")
@replaces(apply)
async def sends_after_put(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None, *, hops: int = 0
) -> Outcome:
    observation = _with_events(observation, head)
    if observation.live is None:
        return await _put_tombstone(ports, ref, token, observation, head)
    customer = await _resolve_customer(ports, ref, observation.live, hops)
    follow_ups = FollowUps(ports.queue, hops)
    await enqueue_dependants(ref, head, customer, ports.mirror, follow_ups)
    outcome = await _put(ports, ref, token, head, items.item(ref, observation, customer))
    if outcome is not Outcome.SUPERSEDED:
        await enqueue_related(ref, token, observation, head, ports.mirror, follow_ups)
    return outcome


@mutant("a new version does not refresh its rate card")
@replaces(_changed_with)
def changes_nothing_else(ref: ObjectRef, observation: Observation, head: Head | None) -> list[ObjectRef]:
    return []
