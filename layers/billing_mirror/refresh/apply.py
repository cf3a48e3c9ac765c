"""The write rule: claim -> fetch -> resolve customer -> enqueue related -> put. All writes of objects follow it.

A claim is a *fencing token*, taken before the fetch. A higher token means a later fetch, so a stale response can
never overwrite a newer one; no clock takes part. See docs/architecture.md.
"""

from dataclasses import replace

from billing_mirror.core import items, times
from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized
from billing_mirror.core.items import Item, Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import Head, may_lag
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Ports

from .fetch import fetch
from .references import customer_or_owner
from .related_objects import enqueue_related


async def claim_and_fetch(
    ports: Ports, ref: ObjectRef, *, claimed_at: float, event: str | None = None
) -> tuple[int, Observation]:
    """Takes the token, then fetches: the order is the rule.

    ``claimed_at`` is the present time where a queue retries a failure: reconcile then waits up to an hour for the
    write. It is 0 where nothing retries.
    """
    token = await ports.mirror.claim(ref, claimed_at)
    return token, await fetch(ref, ports.stripe, ports.clock, event=event)


async def apply(ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None) -> Outcome:
    """Stores an observation by one conditional write. ``head``, the mirror's state before, names the outcome."""
    observation = _with_last_event(observation, head)
    body = observation.live
    if body is None:
        return await _put_tombstone(ports, ref, token, observation)
    customer = await _resolve_customer(ports, ref, body)
    item = items.item(ref, observation, customer)
    return await _enqueue_related_and_put(ports, ref, token, observation, head, item)


def _with_last_event(observation: Observation, head: Head | None) -> Observation:
    """A later claim means a later fetch: every event that preceded the mirrored fetch also precedes this one."""
    if head is None or head.last_event_at <= observation.last_event_at:
        return observation
    return replace(observation, last_event_at=head.last_event_at, last_event_id=head.last_event_id)


async def _put_tombstone(ports: Ports, ref: ObjectRef, token: int, observation: Observation) -> Outcome:
    stored = await ports.mirror.put_tombstone(ref, token, items.tombstone(observation, ref))
    return Outcome.REMOVED if stored else Outcome.SUPERSEDED


async def _enqueue_related_and_put(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None, item: Item
) -> Outcome:
    # Before the write: once the object is stored, a redelivered message counts as already fresh.
    await enqueue_related(ref, observation, head, ports.mirror, ports.queue)
    return await _put(ports, ref, token, head, item)


async def _put(ports: Ports, ref: ObjectRef, token: int, head: Head | None, item: Item) -> Outcome:
    """Writes the item on condition that the mirror does not hold a newer one."""
    if not await ports.mirror.put(ref, token, item):
        return Outcome.SUPERSEDED
    return Outcome.UNCHANGED if head is not None and _shows(head, item) else Outcome.STORED


def _shows(head: Head, item: Item) -> bool:
    """Whether the mirror already held this very state."""
    held = (head.deleted, head.digest, head.customer, head.members)
    return held == (False, item["digest"], item.get("customer"), items.members_in(item))


async def _resolve_customer(ports: Ports, ref: ObjectRef, body: JsonObject) -> str | None:
    """The id of the object's customer; None where the object has none, or its owner cannot be fetched."""
    try:
        found = customer_or_owner(ref, body)
        return await _customer_of(ports, found, body) if isinstance(found, ObjectRef) else found
    except Unauthorized:
        raise
    except PermanentError:
        return None  # the fetched object is stored all the same


async def _customer_of(ports: Ports, owner: ObjectRef, named_by: JsonObject) -> str | None:
    """The customer of an owner, which is mirrored first where it is missing. A tombstone's last known body counts."""
    body = await ports.mirror.body(owner)
    if body is None:
        body = await _mirror_owner(ports, owner, named_by)
    return await _resolve_customer(ports, owner, body) if body is not None else None


async def _mirror_owner(ports: Ports, owner: ObjectRef, named_by: JsonObject) -> JsonObject | None:
    """Claims, fetches and applies an owner that the mirror has never seen; None where Stripe has no such object.

    Raises ``TransientError`` where Stripe may not show the owner yet.
    """
    now = ports.clock.now()
    token, observation = await claim_and_fetch(ports, owner, claimed_at=0.0)
    body = observation.live
    if body is not None:
        await apply(ports, owner, token, observation, None)
    elif may_lag(times.created_at(named_by), now):
        raise TransientError(f"Stripe does not show {owner.id} yet, although {named_by.get('id')} names it")
    return body  # where it is None, no tombstone: whether the owner ever existed, its own events say
