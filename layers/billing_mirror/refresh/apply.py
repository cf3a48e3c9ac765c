"""The write rule: claim, then fetch, then apply. Whoever writes an object of the mirror does it here.

A number taken *before* the fetch orders the writes. What is claimed after a change also fetches after it, and
has a higher number than all that was claimed before: in the end, a look that saw the last change stays. No
clock takes part. See docs/architecture.md.
"""

from dataclasses import dataclass, replace

from billing_mirror.core import items, times
from billing_mirror.core.catalog import Via
from billing_mirror.core.errors import Refused, Retryable, Unauthorized
from billing_mirror.core.items import Item, Observation
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.mirror_state import READ_LAG, Head
from billing_mirror.core.object_ref import Subject
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Clock, Mirror, Queue, Stripe

from .fetch import observe
from .related_objects import send_suspicions


@dataclass(frozen=True, slots=True)
class World:
    """The ports that refreshing an object takes."""

    clock: Clock
    mirror: Mirror
    stripe: Stripe
    queue: Queue


async def claim_and_observe(
    world: World, subject: Subject, *, claimed_at: float, event: str | None = None
) -> tuple[int, Observation]:
    """The first two steps, in the only order that is right.

    ``claimed_at`` is the present time where a queue retries a failure: reconcile then waits for it, for an hour.
    It is 0 where nothing retries it.
    """
    token = await world.mirror.claim(subject, claimed_at)
    return token, await observe(subject, world.stripe, world.clock, event=event)


async def apply(world: World, subject: Subject, token: int, observation: Observation, head: Head | None) -> Outcome:
    """The third step: one conditional write. ``head``, what the mirror held before, names the outcome."""
    # Who claimed later has fetched after whatever was received before the earlier claim.
    told_at = max(observation.told_at, head.told_at if head else 0.0)
    observation = replace(observation, told_at=told_at)
    body = observation.live
    if body is None:
        buried = await world.mirror.bury(subject, token, items.tombstone(observation, subject))
        return Outcome.REMOVED if buried else Outcome.SUPERSEDED
    customer = await _customer(world, subject, body)
    item = items.item(subject, observation, customer)
    return await _send_suspicions_and_put(world, subject, token, observation, head, item)


async def _send_suspicions_and_put(
    world: World, subject: Subject, token: int, observation: Observation, head: Head | None, item: Item
) -> Outcome:
    # Before the write: once the object is stored, a redelivered message counts as covered.
    await send_suspicions(subject, observation, head, world.mirror, world.queue)
    return await _put(world, subject, token, head, item)


async def _put(world: World, subject: Subject, token: int, head: Head | None, item: Item) -> Outcome:
    """Writes the item on condition that the mirror does not hold a newer one."""
    if not await world.mirror.put(subject, token, item):
        return Outcome.SUPERSEDED
    return Outcome.UNCHANGED if head is not None and _shows(head, item) else Outcome.STORED


def _shows(head: Head, item: Item) -> bool:
    """Whether the mirror held just this already."""
    held = (head.deleted, head.digest, head.customer, head.members)
    return held == (False, item["digest"], item.get("customer"), items.members_in(item))


async def _customer(world: World, subject: Subject, body: JsonObject) -> str | None:
    if subject.row.of_customer:
        return subject.parent
    match subject.row.customer:
        case Via(path=path, type=type_name):
            named = text_at(body, path)
            try:
                return await _customer_of(world, subject.beside(type_name, named), body) if named else None
            except Unauthorized:
                raise
            except Refused:
                return None  # what was fetched is stored all the same
        case str(path):
            return text_at(body, path)
        case None:
            return None


async def _customer_of(world: World, subject: Subject, pointing: JsonObject) -> str | None:
    """The customer of an object that another one points to; mirrored first where it is not mirrored yet.

    One that is removed still tells, by its last known body.
    """
    body = await world.mirror.body(subject)
    if body is None:
        now = world.clock.now()
        token, observation = await claim_and_observe(world, subject, claimed_at=0.0)
        body = observation.live
        # A test clock may have made it in the future: https://docs.stripe.com/billing/testing/test-clocks
        age = abs(now - times.seconds(times.created(pointing.get("created"))))
        if body is None and age < READ_LAG:
            raise Retryable(f"Stripe does not show {subject.id} yet, which {pointing.get('id')} points to")
        if body is None:
            return None  # no tombstone: whether it was ever there, its own events will tell
        await apply(world, subject, token, observation, None)
    return await _customer(world, subject, body)
