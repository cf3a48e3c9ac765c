"""The owner of an object, which knows its customer, is fetched by one of the workers that need it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import Claim
from billing_mirror.ports import StripeRequest, StripeResponse
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import SUBSCRIPTION

from .workers import Workers
from .workers import workers as workers


async def test_an_owner_that_another_worker_is_about_to_store_is_not_fetched(workers: Workers) -> None:
    """The customer of a subscription is that of its cadence, of which another worker has the event."""
    workers.pause = 0.0
    owner = ref_to(Scope(livemode=False), "v2.billing.cadence", "bc_9")
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")
    token, _ = await workers.mirror.claim(owner, workers.clock.now())

    async def store() -> None:
        body = cadence("bc_9", "cus_9")
        seen = Observation(workers.clock.now(), "", "", body, digest(owner.object_type, body))
        await workers.mirror.put(owner, token, item(owner, seen, "cus_9"))

    workers.busy.meanwhile += [workers.nothing, store]
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.stripe.paths) == (Outcome.STORED, [SUBSCRIPTION])
    assert workers.item("rcds_1")["customer"] == "cus_9"


@pytest.mark.parametrize("dead", [True, False], ids=["whose claim has failed", "without a claim"])
async def test_an_owner_without_a_worker_is_fetched_at_once(workers: Workers, *, dead: bool) -> None:
    workers.pause = 0.0
    if dead:
        await workers.mirror.claim(ref_to(Scope(livemode=False), "v2.billing.cadence", "bc_9"), workers.clock.now() - 6)
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")
    workers.stripe.objects["/v2/billing/cadences/bc_9"] = cadence("bc_9", "cus_9")
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.item("rcds_1")["customer"]) == ([], "cus_9")


@dataclass
class SlowStripe(MemoryStripe):
    """Lets others work before it answers."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        await asyncio.sleep(0)
        return await super().get(request)


class SlowMirror(MemoryMirror):
    """Lets others work before it shows the counters: several workers may find that there is none."""

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        found = await super().claims(refs)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize("mirror", [MemoryMirror(), SlowMirror()], ids=["one by one", "all at once"])
async def test_of_several_that_need_an_owner_the_first_fetches_it(workers: Workers, mirror: MemoryMirror) -> None:
    """Ten subscriptions of one cadence, which the mirror has never seen."""
    workers.mirror = mirror
    workers.stripe = SlowStripe(objects={"/v2/billing/cadences/bc_9": cadence("bc_9", "cus_9")})
    workers.start_container()
    names = [f"rcds_{number}" for number in range(10, 20)]
    for name in names:
        url = f"/v2/billing/rate_card_subscriptions/{name}"
        workers.stripe.objects[url] = subscription(name, billing_cadence="bc_9")
    results = await workers.deliver(*(subscription_event(identifier=name) for name in names))
    assert {result.outcome for result in results} == {Outcome.STORED}
    assert {workers.item(name)["customer"] for name in names} == {"cus_9"}
    assert workers.stripe.paths.count("/v2/billing/cadences/bc_9") == 1
    head, claim = workers.item("bc_9"), workers.mirror.counters["test#bc_9"]
    assert claim.claimed == head["token"] or claim.claimed_at == 0.0, "a claim that nothing follows is closed"


async def test_an_owner_that_stripe_lacks_leaves_no_claim_in_flight(workers: Workers) -> None:
    """Nothing retries it, so reconcile must not wait for it."""
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9", created="2020-01-01T00:00:00.000Z")
    await workers.deliver(subscription_event())
    assert workers.mirror.counters["test#bc_9"].claimed_at == 0.0


async def test_an_owner_that_stripe_refuses_leaves_no_claim_in_flight(workers: Workers) -> None:
    workers.pause = 0.0
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")

    async def refuse(path: str) -> None:
        if path == SUBSCRIPTION:
            workers.stripe.failures.append(PermanentError("Stripe answers 400"))

    workers.stripe.before_answer = refuse
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.mirror.counters["test#bc_9"].claimed_at) == (Outcome.STORED, 0.0)
