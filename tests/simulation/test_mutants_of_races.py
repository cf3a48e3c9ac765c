"""Mutants of rules whose breach hardly any schedule shows, since fetches wait for each other.

Each scenario is the race itself: it ends well, and ends wrong with its mutant.
"""

from collections.abc import Awaitable, Callable
from math import inf

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.messages import write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Item, Observation, item
from billing_mirror.core.table.mirror_state import (
    NO_EVENTS,
    READ_LAG,
    UNCLAIMED_TOKEN,
    Claim,
    Head,
    LastEvents,
    follows_event,
    is_last_claim,
)
from billing_mirror.reconcile.jobs.repair import _may_exist
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.related_objects import _may_store_members, refresh_request
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import (
    cadence,
    customer,
    event,
    rate,
    rate_card,
    sample,
    subscription,
    subscription_event,
    version,
)
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

from .mutants.activation import activated
from .mutants.registry import Mutant, mutant, replaces

Scenario = Callable[[], Awaitable[bool]]
"""Whether it ended well."""
CUSTOMER = "/v1/customers/cus_1"
CARD = "/v2/billing/rate_cards/rcd_1"
TEST = Scope(livemode=False)
claim, put_tombstone = MemoryMirror.claim, MemoryMirror.put_tombstone


def shown(harness: Harness, key: str, field: str) -> object:
    """A field of a mirrored body."""
    data = harness.item(key)["data"]
    return data.get(field) if isinstance(data, dict) else None


async def two_fetches_at_once() -> bool:
    """The later one is stored, and both messages end with their first try."""
    harness, outcomes = Harness(), []
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence()}

    async def change(path: str) -> None:
        if path == SUBSCRIPTION:
            harness.stripe.before_answer = None
            harness.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="paused")
            outcomes.extend(await harness.deliver(subscription_event(id="evt_b")))

    harness.stripe.before_answer = change
    outcomes += await harness.deliver(subscription_event(id="evt_a"))
    stored = harness.item("rcds_1")
    return stored["token"] == 2 and {one.outcome for one in outcomes} == {Outcome.STORED, Outcome.SUPERSEDED}


class SlowMirror(MemoryMirror):
    """Something happens before a tombstone is written."""

    before_tombstone: Callable[[], Awaitable[object]] | None = None

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        before, self.before_tombstone = self.before_tombstone, None
        if before is not None:
            await before()
        return await super().put_tombstone(ref, token, tombstone)


async def tombstone_that_is_late() -> bool:
    """A coupon is deleted and made again: the tombstone of the first one does not remove the second one."""
    harness = Harness(mirror=(mirror := SlowMirror()))
    path, body = "/v1/coupons/gold", sample("coupon", id="gold", livemode=False)
    harness.stripe.objects[path] = {**body, "percent_off": 10}
    await harness.deliver(event("v1.coupon.created", body, url=path, at=harness.clock.now() - 10))
    del harness.stripe.objects[path]

    async def make_again() -> None:
        harness.stripe.objects[path] = {**body, "percent_off": 20}
        await harness.deliver(event("v1.coupon.created", body, url=path, at=harness.clock.now()))

    mirror.before_tombstone = make_again
    await harness.deliver(event("v1.coupon.deleted", body, url=path, at=harness.clock.now() - 1))
    return "deleted" not in harness.item("coupon/gold") and shown(harness, "coupon/gold", "percent_off") == 20


async def fetch_before_a_change_that_is_written_last() -> bool:
    """A message that the mirror seems to answer is fetched for, because an older fetch may still replace the answer."""
    harness, ref = Harness(), ref_to(TEST, "customer", "cus_1")
    before, after = customer(name="before"), customer(name="after")

    def seen(body: JsonObject) -> Item:
        return item(ref, Observation(harness.clock.now(), "", "", body, digest(ref.object_type, body)), "cus_1")

    first, _ = await harness.mirror.claim(ref, harness.clock.now())
    second, _ = await harness.mirror.claim(ref, harness.clock.now())
    old = seen(before)
    harness.stripe.objects[CUSTOMER] = after
    await harness.queue.send(event("v1.customer.updated", after, url=CUSTOMER, at=harness.clock.now()), group="test")
    harness.clock.advance(60)
    await harness.mirror.put(ref, first, seen(after))
    await harness.work()
    await harness.mirror.put(ref, second, old)
    return shown(harness, "customer/cus_1", "name") == "after"


async def two_changes_in_one_moment() -> bool:
    """The second event is fetched for, although it has the time of the first one."""
    harness = Harness()
    at = harness.clock.now()
    for name in ("first", "second"):
        harness.stripe.objects[CUSTOMER] = customer(name=name)
        await harness.deliver(event("v1.customer.updated", customer(), url=CUSTOMER, at=at))
    return shown(harness, "customer/cus_1", "name") == "second"


async def new_object_that_stripe_does_not_show_yet() -> bool:
    """Neither a list nor a GET shows it for some seconds: verify leaves it alone."""
    harness, path = Harness(), "/v1/billing/meters/mtr_1"
    body = sample("billing.meter", id="mtr_1", livemode=False, created=int(harness.clock.now()) - 10)
    harness.stripe.objects[path] = body
    await harness.deliver(event("v1.billing.meter.created", body, url=path))
    del harness.stripe.objects[path]
    harness.stripe.lists["/v1/billing/meters"] = []
    harness.clock.advance(5)
    await harness.run_now(TYPES["billing.meter"])
    return "deleted" not in harness.item("mtr_1")


async def stale_list_of_a_known_version() -> bool:
    """A rate that the list shows as it was is fetched: nothing would correct what the list has shown."""
    harness = Harness()
    harness.stripe.show_previews()
    harness.stripe.objects |= {f"{CARD}/versions/rcdv_1": version(), CARD: rate_card()}
    rates = f"{CARD}/rates?rate_card_version=rcdv_1"
    harness.stripe.lists |= {rates: [], f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=f"{CARD}/versions/rcdv_1"))
    for _ in range(2):
        await harness.work()
        harness.clock.advance(READ_LAG + 1)
    harness.stripe.objects[f"{CARD}/rates/rcdr_1"] = rate(unit_amount="2")
    harness.stripe.lists[rates] = [rate(unit_amount="1")]
    again = refresh_request(ref_to(TEST, "v2.billing.rate_card_version", "rcdv_1", "rcd_1"))
    await harness.deliver(write_message(again))
    for _ in range(2):
        await harness.work()
        harness.clock.advance(READ_LAG + 1)
    return shown(harness, "rcdr_1", "unit_amount") == "2"


@mutant("a second fetch uses a claim that is still in flight")
@replaces(MemoryMirror.claim)
async def shares_claim_in_flight(
    self: MemoryMirror, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
) -> tuple[int, LastEvents]:
    """The write that finds its own token in the mirror is tried again, so most schedules end well."""
    before = self.counters.get(ref.key)
    applied = self.objects.get(ref.key, {}).get("token", 0)
    if before is None or not isinstance(applied, int) or before.claimed <= applied:
        return await claim(self, ref, now, events, unless_since=unless_since)
    self.counters[ref.key] = Claim(before.claimed, now)
    return before.claimed, NO_EVENTS


@mutant("the write of a tombstone has no condition")
@replaces(MemoryMirror.put_tombstone)
async def writes_tombstone_unconditionally(self: MemoryMirror, ref: ObjectRef, token: int, tombstone: Item) -> bool:
    if held := self.objects.get(ref.key):
        self.objects[ref.key] = {**held, "token": UNCLAIMED_TOKEN - 1}
    return await put_tombstone(self, ref, token, tombstone)


@mutant("already fresh although another worker has claimed since")
@replaces(is_last_claim)
def ignores_later_claims(head: Head, claim: Claim | None) -> bool:
    return claim is not None


@mutant("already fresh although two events may only seem to have happened at the same time")
@replaces(follows_event)
def counts_equal_times(head: Head, identity: str, created_at: float) -> bool:
    return identity in head.last_event_ids or created_at <= head.last_event_at


@mutant("verify writes a tombstone for an object that was just made")
@replaces(_may_exist)
def ignores_creation(difference: Difference, mirrored: JsonObject | None, now: float) -> bool:
    return _may_exist(difference, None, now)


@mutant("a member is stored from a list that is not read again")
@replaces(_may_store_members)
def inserts_at_any_fetch(head: Head | None, follow_ups: FollowUps) -> bool:
    return True


RACES = {
    two_fetches_at_once: shares_claim_in_flight,
    tombstone_that_is_late: writes_tombstone_unconditionally,
    fetch_before_a_change_that_is_written_last: ignores_later_claims,
    two_changes_in_one_moment: counts_equal_times,
    new_object_that_stripe_does_not_show_yet: ignores_creation,
    stale_list_of_a_known_version: inserts_at_any_fetch,
}


@pytest.mark.parametrize("race", RACES)
async def test_each_race_ends_well(race: Scenario) -> None:
    assert await race()


@pytest.mark.parametrize(("race", "wrong"), RACES.items(), ids=[race.__name__ for race in RACES])
async def test_with_its_mutant_it_ends_wrong(race: Scenario, wrong: Mutant) -> None:
    with activated(wrong) as calls:
        assert not await race()
    assert all(calls.counts.values()), "each variant was called"
