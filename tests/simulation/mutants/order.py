"""Mutants of the order of writes: claim, then fetch, then apply."""

from math import inf

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import NO_EVENTS, Head, LastEvents
from billing_mirror.ports import Ports
from billing_mirror.process.batch import _fetch
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.refresh.apply import claim_and_fetch
from billing_mirror.refresh.claims import BeforeFetch, IsFinal, at_once, never
from billing_mirror.refresh.fetch import fetch

from .registry import mutant, replaces


@mutant("the claim is taken after the fetch")
@replaces(claim_and_fetch)
async def claims_after_fetch(
    ports: Ports,
    ref: ObjectRef,
    *,
    claimed_at: float,
    head: Head | None,
    events: LastEvents = NO_EVENTS,
    event: str | None = None,
    all_lists: bool = False,
    is_final: IsFinal = never,
    before_fetch: BeforeFetch = at_once,
    unless_since: float = inf,
) -> tuple[int, Observation]:
    observation = await fetch(ref, ports.stripe, ports.clock, event=event)
    token, _ = await ports.mirror.claim(ref, claimed_at, events, unless_since=unless_since)
    return token, observation


async def _ordered_by(seconds: float, ref: ObjectRef, ports: Ports) -> int:
    """A time as the token. A counter that is behind it would have the object fetched again."""
    token = int(seconds * 1000)
    await ports.mirror.raise_counter(ref, token)
    return token


@mutant("the token is the worker's clock before the fetch")
@replaces(claim_and_fetch)
async def orders_by_clock_before_fetch(
    ports: Ports,
    ref: ObjectRef,
    *,
    claimed_at: float,
    head: Head | None,
    events: LastEvents = NO_EVENTS,
    event: str | None = None,
    all_lists: bool = False,
    is_final: IsFinal = never,
    before_fetch: BeforeFetch = at_once,
    unless_since: float = inf,
) -> tuple[int, Observation]:
    _, observation = await claim_and_fetch(
        ports,
        ref,
        claimed_at=claimed_at,
        head=head,
        events=events,
        event=event,
        all_lists=all_lists,
        is_final=is_final,
        before_fetch=before_fetch,
        unless_since=unless_since,
    )
    return await _ordered_by(observation.fetched_at, ref, ports), observation


@mutant("the token is the worker's clock after the fetch")
@replaces(claim_and_fetch)
async def orders_by_clock_after_fetch(
    ports: Ports,
    ref: ObjectRef,
    *,
    claimed_at: float,
    head: Head | None,
    events: LastEvents = NO_EVENTS,
    event: str | None = None,
    all_lists: bool = False,
    is_final: IsFinal = never,
    before_fetch: BeforeFetch = at_once,
    unless_since: float = inf,
) -> tuple[int, Observation]:
    _, observation = await claim_and_fetch(
        ports,
        ref,
        claimed_at=claimed_at,
        head=head,
        events=events,
        event=event,
        all_lists=all_lists,
        is_final=is_final,
        before_fetch=before_fetch,
        unless_since=unless_since,
    )
    return await _ordered_by(ports.clock.now(), ref, ports), observation


@mutant("the token is the event's creation time, in seconds")
@replaces(_fetch)
async def orders_by_event_time(
    ref: ObjectRef, items: list[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> tuple[int, Observation]:
    _, observation = await _fetch(ref, items, head, dependencies)
    return int(max(item.happened_at for item in items)), observation
