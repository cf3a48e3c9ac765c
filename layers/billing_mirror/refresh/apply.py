"""The write rule: claim, then fetch, then apply. Whoever writes an object of the mirror does it here.

A number taken *before* the fetch orders the writes. What is claimed after a change also fetches after it, and
has a higher number than all that was claimed before: in the end, a look that saw the last change stays. No
clock takes part. See docs/architecture.md.
"""

from dataclasses import dataclass, replace

from billing_mirror.core import items, times
from billing_mirror.core.catalog import Reference
from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized
from billing_mirror.core.items import Item, Observation
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.mirror_state import READ_LAG, Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Clock, Mirror, Queue, Stripe

from .fetch import fetch
from .related_objects import enqueue_related


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that refreshing an object takes."""

    clock: Clock
    mirror: Mirror
    stripe: Stripe
    queue: Queue


async def claim_and_fetch(
    ports: Ports, ref: ObjectRef, *, claimed_at: float, event: str | None = None
) -> tuple[int, Observation]:
    """The first two steps, in the only order that is right.

    ``claimed_at`` is the present time where a queue retries a failure: reconcile then waits for it, for an hour.
    It is 0 where nothing retries it.
    """
    token = await ports.mirror.claim(ref, claimed_at)
    return token, await fetch(ref, ports.stripe, ports.clock, event=event)


async def apply(ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None) -> Outcome:
    """The third step: one conditional write. ``head``, what the mirror held before, names the outcome."""
    # Who claimed later has fetched after whatever was received before the earlier claim.
    last_event_at = max(observation.last_event_at, head.last_event_at if head else 0.0)
    observation = replace(observation, last_event_at=last_event_at)
    body = observation.live
    if body is None:
        buried = await ports.mirror.put_tombstone(ref, token, items.tombstone(observation, ref))
        return Outcome.REMOVED if buried else Outcome.SUPERSEDED
    customer = await _customer(ports, ref, body)
    item = items.item(ref, observation, customer)
    return await _send_suspicions_and_put(ports, ref, token, observation, head, item)


async def _send_suspicions_and_put(
    ports: Ports, ref: ObjectRef, token: int, observation: Observation, head: Head | None, item: Item
) -> Outcome:
    # Before the write: once the object is stored, a redelivered message counts as covered.
    await enqueue_related(ref, observation, head, ports.mirror, ports.queue)
    return await _put(ports, ref, token, head, item)


async def _put(ports: Ports, ref: ObjectRef, token: int, head: Head | None, item: Item) -> Outcome:
    """Writes the item on condition that the mirror does not hold a newer one."""
    if not await ports.mirror.put(ref, token, item):
        return Outcome.SUPERSEDED
    return Outcome.UNCHANGED if head is not None and _shows(head, item) else Outcome.STORED


def _shows(head: Head, item: Item) -> bool:
    """Whether the mirror held just this already."""
    held = (head.deleted, head.digest, head.customer, head.members)
    return held == (False, item["digest"], item.get("customer"), items.members_in(item))


async def _customer(ports: Ports, ref: ObjectRef, body: JsonObject) -> str | None:
    if ref.object_type.parent_is_customer:
        return ref.parent
    match ref.object_type.customer:
        case Reference(path=path, type=type_name):
            named = text_at(body, path)
            try:
                return await _customer_of(ports, ref.in_same_scope(type_name, named), body) if named else None
            except Unauthorized:
                raise
            except PermanentError:
                return None  # what was fetched is stored all the same
        case str(path):
            return text_at(body, path)
        case None:
            return None


async def _customer_of(ports: Ports, ref: ObjectRef, pointing: JsonObject) -> str | None:
    """The customer of an object that another one points to; mirrored first where it is not mirrored yet.

    One that is removed still tells, by its last known body.
    """
    body = await ports.mirror.body(ref)
    if body is None:
        now = ports.clock.now()
        token, observation = await claim_and_fetch(ports, ref, claimed_at=0.0)
        body = observation.live
        # A test clock may have made it in the future: https://docs.stripe.com/billing/testing/test-clocks
        age = abs(now - times.seconds(times.created(pointing.get("created"))))
        if body is None and age < READ_LAG:
            raise TransientError(f"Stripe does not show {ref.id} yet, which {pointing.get('id')} points to")
        if body is None:
            return None  # no tombstone: whether it was ever there, its own events will tell
        await apply(ports, ref, token, observation, None)
    return await _customer(ports, ref, body)
