"""Wherever a request to forget is killed, and made again, it ends the same; and no older write brings anything back."""

from dataclasses import replace

import pytest

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.forgetting import REPEATED_AFTER, ForgetRequest
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.erasure import erase_due
from billing_mirror.reconcile.jobs.forget import forget
from tests.doubles.crashing import CallLimit, Killed, crashing
from tests.doubles.mirror import MemoryMirror
from tests.unit.harness import Harness
from tests.unit.reconcile.jobs.test_forget import (
    CUSTOMER,
    DRAFT,
    INVOICE,
    SECRET,
    THING,
    body_of,
    delete_at_stripe,
    everything,
    filled,
)

REFS = (CUSTOMER, INVOICE, DRAFT, THING)
SHOWN = "what Stripe shows"


class ForgettingMirror(MemoryMirror):
    """A defective table: an erased object loses its item, and its token with it."""

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        erased = await super().erase(ref, token, customer, now)
        if erased:
            del self.objects[ref.key]
        return erased


async def prepared(mirror: MemoryMirror | None = None) -> Harness:
    """A customer and a draft that Stripe no longer has, an invoice that it has redacted, and messages of them."""
    harness = Harness(mirror=mirror or MemoryMirror())
    for ref in (CUSTOMER, INVOICE, DRAFT):
        harness.stripe.objects[ref.path] = body_of(ref)
        harness.stripe.lists[ref.path.rpartition("/")[0]] = []
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, DRAFT)
    harness.stripe.objects[INVOICE.path] = body_of(INVOICE, email=SHOWN)
    await harness.queue.quarantine(f'{{"of": "cus_1", "email": "{SECRET}"}}', reason="unreadable")
    return harness


def limited(harness: Harness, limit: CallLimit) -> ReconcileDependencies:
    own = harness.reconcile_dependencies
    ports = replace(
        own.ports,
        mirror=crashing(own.ports.mirror, limit),
        stripe=crashing(own.ports.stripe, limit),
        queue=crashing(own.ports.queue, limit),
    )
    return replace(own, ports=ports, state_store=crashing(own.state_store, limit))


async def run(harness: Harness, limit: CallLimit) -> bool:
    """Whether the request ends; otherwise it was killed."""
    try:
        done = await forget(ForgetRequest(("cus_1",)), limited(harness, limit), deadline=harness.clock.now() + 600)
    except Killed:
        return False
    return done.ended and not done.failed


async def stale_writes(harness: Harness) -> list[str]:
    """Stores a fetch from before the request of each object; the objects that took it."""
    observed = {ref: Observation(1.0, "v", "r", body_of(ref), "digest") for ref in REFS}
    taken = [await harness.mirror.put(ref, 1, items.item(ref, observed[ref], "cus_1")) for ref in REFS]
    return [ref.id for ref, stored in zip(REFS, taken, strict=True) if stored]


async def left(harness: Harness) -> dict[str, Item]:
    """What is left an hour later, without what differs between two requests: tokens and times."""
    harness.clock.advance(REPEATED_AFTER)
    await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 600)
    differing = ("token", "fetched_at", "erased_at", "stripe_request_id")
    return {
        key: {name: value for name, value in item.items() if name not in differing}
        for key, item in harness.mirror.objects.items()
    }


async def calls_of_one_request() -> int:
    limit = CallLimit()
    assert await run(await prepared(), limit)
    return limit.calls


async def test_a_request_that_was_killed_anywhere_and_made_again_ends_the_same() -> None:
    undisturbed = await prepared()
    await run(undisturbed, CallLimit())
    expected = await left(undisturbed)
    assert SECRET not in everything(undisturbed)
    assert SHOWN in everything(undisturbed)
    calls = await calls_of_one_request()
    assert calls > 30
    for nth in range(1, calls + 1):
        for before in (True, False):
            harness = await prepared()
            await run(harness, CallLimit(nth, before=before))
            assert await stale_writes(harness) == [], f"after call {nth}"
            assert await run(harness, CallLimit()), f"after call {nth}"
            assert await left(harness) == expected, f"after call {nth}"
            assert SECRET not in everything(harness), f"after call {nth}"
            assert await stale_writes(harness) == []
            assert harness.mirror.removal_notes["test"] == {}


async def test_a_table_that_loses_tokens_is_caught() -> None:
    """The test above can fail."""
    harness = await prepared(ForgettingMirror())
    await run(harness, CallLimit())
    assert await stale_writes(harness) == ["cus_1", "in_2", "thing_1"]


@pytest.mark.parametrize("before", [True, False])
async def test_ticks_that_are_killed_anywhere_erase_all_in_the_end(before: bool) -> None:
    harness = await prepared()
    await run(harness, CallLimit())
    harness.clock.advance(REPEATED_AFTER)
    for ref in REFS:
        harness.mirror.former[ref.key] = {"history#9": {"data": body_of(ref)}}
    nth = 0
    while harness.mirror.removal_notes["test"]:
        nth += 1
        try:
            await erase_due(limited(harness, CallLimit(nth, before=before)), deadline=harness.clock.now() + 60)
        except Killed:
            continue
    assert nth > 5
    assert SECRET not in everything(harness)
