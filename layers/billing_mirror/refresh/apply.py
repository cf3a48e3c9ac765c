"""The write rule: claim -> fetch -> resolve customer -> enqueue related -> put. All writes of objects follow it.

A claim is a *fencing token*, taken before the fetch. What is stored under a token was fetched after its claim, and only
a higher token replaces it: never an answer from before a later claim. No clock takes part. See docs/architecture.md.
"""

from dataclasses import replace
from math import inf

from billing_mirror.core import times
from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import (
    NO_EVENTS,
    UNCLAIMED_TOKEN,
    Head,
    KnowsEvents,
    LastEvents,
    latest_events,
    may_lag,
)
from billing_mirror.ports import Ports

from .claims import (
    BeforeFetch,
    IsFinal,
    Superseded,
    at_once,
    never,
    release_at_final_error,
    require_claimed,
    take_claim,
)
from .dependants import enqueue_dependants
from .fetch import fetch
from .follow_ups import FollowUps
from .in_flight import PATIENCE, patience_left, written
from .references import customer_or_owner
from .related_objects import enqueue_related
from .repeated_write import is_stored
from .unstorable import noted


async def claim_and_fetch(
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
    """Takes the token, then fetches: a token taken later would let an older answer win.

    ``head`` is the mirror's state before; ``events`` are the newest that were received, ``event`` is one of them, and
    ``all_lists`` is as in ``fetch``. Pass the present time as
    ``claimed_at`` if the queue retries a failure: then reconcile treats the claim as in flight for an hour, unless an
    error ``is_final``. Else pass 0. Raises what ``before_fetch`` raises, and ``AlreadyClaimed`` where an earlier claim
    follows the ``events`` and the last one was taken after ``unless_since``.
    """
    token, known = await take_claim(
        ports.mirror, ref, claimed_at=claimed_at, head=head, events=events, unless_since=unless_since
    )
    async with release_at_final_error(ports.mirror, ref, token, is_final):
        await before_fetch(token)
        observation = await fetch(ref, ports.stripe, ports.clock, event=event, head=head, all_lists=all_lists)
    return token, _with_events(observation, known)


async def apply(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None, *, hops: int = 0
) -> Outcome:
    """Stores an observation by one conditional write. ``head``, the mirror's state before, names the outcome.

    ``hops`` is the number of refresh requests that led to it. Notes an object that the table cannot hold, and raises
    ``UnstorableObject``.
    """
    if token > 1 + (head.token if head else UNCLAIMED_TOKEN):
        # Another worker claimed in between, and may have written meanwhile: what it knew of is known here, too.
        observation = _with_events(observation, (await ports.mirror.heads([ref])).get(ref.key))
    observation = _with_events(observation, head)
    body = observation.live
    if body is None:
        return await _put_tombstone(ports, ref, token, observation, head)
    customer = await _resolve_customer(ports, ref, body, hops)
    follow_ups = FollowUps(ports.queue, hops)
    async with noted(ports, ref, token, observation):
        item = items.item(ref, observation, customer)
        await enqueue_dependants(ref, head, customer, ports.mirror, follow_ups)
        if head is not None and head.customer != customer:
            await ports.mirror.note_left(ref, customer=head.customer)
        # Before the write: once the object is stored, a redelivered message counts as already fresh.
        await enqueue_related(ref, token, observation, head, ports.mirror, follow_ups)
        if follow_ups.are_due:
            item = {**item, "follow_ups_due": True}
        return _as_followed(await _put(ports, ref, token, head, item), follow_ups)


def _as_followed(outcome: Outcome, follow_ups: FollowUps) -> Outcome:
    """The outcome of a write, which also says where something that should follow it was left out."""
    if outcome is Outcome.SUPERSEDED:
        return outcome
    if follow_ups.removals_are_held:
        return Outcome.REMOVALS_HELD
    return Outcome.CHAIN_ENDED if follow_ups.are_due else outcome


def _with_events(observation: Observation, known: KnowsEvents | None) -> Observation:
    """A later claim means a later fetch: what preceded an earlier claim, or the mirrored fetch, precedes this one."""
    if known is None:
        return observation
    newest = latest_events(observation, known)
    return replace(observation, last_event_at=newest.last_event_at, last_event_ids=newest.last_event_ids)


async def _put_tombstone(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None
) -> Outcome:
    tombstone = items.tombstone(observation, ref, (head.customer or head.former_customer) if head else None)
    stored = await ports.mirror.put_tombstone(ref, token, tombstone)
    if not stored and await _is_superseded(ports, ref, token, tombstone):
        return Outcome.SUPERSEDED
    return Outcome.REMOVED


async def _put(ports: Ports, ref: ObjectRef, token: int, head: Head | None, item: Item) -> Outcome:
    """Writes the item on condition that the mirror does not hold a newer one."""
    stored = await ports.mirror.put(ref, token, item)
    if not stored and await _is_superseded(ports, ref, token, item):
        return Outcome.SUPERSEDED
    return Outcome.UNCHANGED if head is not None and _shows(head, item) else Outcome.STORED


async def _is_superseded(ports: Ports, ref: ObjectRef, token: int, item: Item) -> bool:
    """Whether a refused write lost against a later fetch. Raises ``TransientError`` where the counter was behind."""
    if await is_stored(ports.mirror, ref, token, item):
        return False
    await require_claimed(ports.mirror, ref, token)
    return True


def _shows(head: Head, item: Item) -> bool:
    """Whether the mirror already held this very state."""
    held = (head.deleted, head.digest, head.customer, head.members)
    return held == (False, item["digest"], item.get("customer"), items.members_in(item))


async def _resolve_customer(ports: Ports, ref: ObjectRef, body: JsonObject, hops: int) -> str | None:
    """The id of the object's customer; None where the object has none, or its owner cannot be fetched."""
    try:
        found = customer_or_owner(ref, body)
        return await _customer_of(ports, found, body, hops) if isinstance(found, ObjectRef) else found
    except Unauthorized:
        raise
    except PermanentError:
        return None  # the fetched object is stored all the same


async def _customer_of(ports: Ports, owner: ObjectRef, named_by: JsonObject, hops: int) -> str | None:
    """The customer of an owner, which is mirrored first where it is missing. A tombstone's last known body counts."""
    head = (await ports.mirror.heads([owner])).get(owner.key)
    if head is not None and head.customer is not None:
        return head.customer  # a tombstone has no such column
    body = await ports.mirror.body(owner) if head is not None else None
    if body is None:
        body = await _mirror_owner(ports, owner, named_by, hops)
    return await _resolve_customer(ports, owner, body, hops) if body is not None else None


async def _mirror_owner(ports: Ports, owner: ObjectRef, named_by: JsonObject, hops: int) -> JsonObject | None:
    """Claims, fetches and applies an owner that the mirror has never seen; None where Stripe has no such object.

    Of several workers that need it, the first fetches. Raises ``TransientError`` where Stripe may not show it yet.
    """
    now, claim = ports.clock.now(), (await ports.mirror.claims([owner])).get(owner.key)
    if claim is not None and (body := await _stored_within(patience_left(claim, now), ports, owner)):
        return body
    claimed = claim.claimed if claim else UNCLAIMED_TOKEN

    async def let_the_first_fetch(token: int) -> None:
        if token > claimed + 1 and await _stored_within(PATIENCE, ports, owner):
            await ports.mirror.release_claim(owner, token)
            raise Superseded

    try:
        token, observation = await claim_and_fetch(
            ports, owner, claimed_at=now, head=None, is_final=_is_permanent, before_fetch=let_the_first_fetch
        )
    except Superseded:
        return await ports.mirror.body(owner)
    body = observation.live
    if body is not None:
        await apply(ports, owner, token, observation, None, hops=hops)
        return body
    await ports.mirror.release_claim(owner, token)
    if may_lag(times.created_at(named_by), now):
        raise TransientError(f"Stripe does not show {owner.id} yet, although {named_by.get('id')} names it")
    return None  # and no tombstone: only the owner's events prove that it existed


async def _stored_within(seconds: float, ports: Ports, owner: ObjectRef) -> JsonObject | None:
    """The body of an owner that another worker stores within some seconds."""
    head = await written(ports, owner, UNCLAIMED_TOKEN, within=seconds)
    return await ports.mirror.body(owner) if head is not None else None


def _is_permanent(error: Exception) -> bool:
    return isinstance(error, PermanentError)
