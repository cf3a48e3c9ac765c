"""Backfill of an empty mirror from lists, beside live events."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.core.table.items import MAX_COMPRESSED, MAX_ITEM, Item, Observation, item, tombstone
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.reconcile.jobs.backfill import MAX_SPREAD
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.refresh.around_stripe.rate_limited import RateLimitedStripe
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget
from tests.doubles.clock import ManualClock
from tests.doubles.crashing import CallLimit, crashing
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, event, noise, rate, subscription, subscription_event, version
from tests.doubles.state_store import MemoryStateStore
from tests.unit.harness import Harness

from ..both_sides import shown_on_request

NAME = "v2.billing.rate_card_subscription"
HOME = "/v2/billing/rate_card_subscriptions"
CADENCE = "v2.billing.cadence"
SCOPE = Scope(livemode=False)


def complete_cadence() -> JsonObject:
    """With the fields that Stripe shows on request only."""
    return {**cadence(), "invoice_discount_rules": [], "settings_data": {}}


def stock(harness: Harness, *subscriptions: JsonObject) -> None:
    """Stripe has these subscriptions and their cadence."""
    harness.stripe.objects |= {f"{HOME}/{body['id']}": body for body in subscriptions}
    harness.stripe.objects["/v2/billing/cadences/bc_1"] = complete_cadence()
    harness.stripe.lists[HOME] = [body for body in subscriptions if body["servicing_status"] == "active"]
    for status in ("canceled", "paused", "pending"):
        hidden = [body for body in subscriptions if body["servicing_status"] == status]
        harness.stripe.lists[f"{HOME}?servicing_status={status}"] = hidden
    shown = "include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"
    harness.stripe.lists[f"/v2/billing/cadences?{shown}"] = [complete_cadence()]


async def filled(harness: Harness, name: str = NAME) -> Run:
    harness.clock.advance(1)
    return await harness.run_now(TYPES[name], job=Job.BACKFILL)


def queued_requests(harness: Harness) -> list[tuple[Json, str]]:
    """The ids of the queued refresh requests, with their groups."""
    return [(json_body.parse(message.body)["id"], message.group) for message in harness.queue.waiting]


async def test_objects_are_inserted_from_pages_without_a_fetch(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(250)))
    await filled(harness, CADENCE)
    harness.stripe.requests.clear()
    run = await filled(harness)
    assert (run.complete, run.counts.inserted, run.counts.compared) == (True, 250, 250)
    assert len(harness.stripe.requests) == run.counts.pages == 3 + 3
    assert (run.counts.equal, run.counts.queued, run.counts.found, await harness.drifts(run)) == (0, 0, 0, [])
    kept = harness.item("rcds_7")
    assert (kept["data"], kept["customer"], kept["token"]) == (subscription("rcds_7"), "cus_1", 0)


@pytest.mark.parametrize("status", ["canceled", "paused", "pending"])
async def test_objects_that_the_plain_list_hides_are_inserted_too(harness: Harness, status: str) -> None:
    stock(harness, subscription(servicing_status=status))
    await filled(harness, CADENCE)
    assert (await filled(harness)).counts.inserted == 1
    assert harness.item("rcds_1")["status"] == status


async def test_inserted_objects_are_equal_in_the_next_run(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(3)))
    await filled(harness, CADENCE)
    await filled(harness)
    harness.clock.advance(1)
    run = await harness.run_now(TYPES[NAME])
    assert (run.counts.equal, run.counts.compared, await harness.drifts(run)) == (3, 3, [])


async def test_a_page_never_replaces_a_mirrored_object(harness: Harness) -> None:
    stock(harness, subscription())
    await harness.deliver(subscription_event())
    harness.clock.advance(1)
    harness.stripe.lists[HOME] = [subscription(collection_status="behind")]
    run = await filled(harness)
    assert (run.counts.inserted, run.counts.false_alarms) == (0, 1)
    assert harness.item("rcds_1")["data"] == subscription()


async def test_a_page_never_replaces_a_tombstone(harness: Harness) -> None:
    stock(harness, subscription())
    ref = ref_to(SCOPE, NAME, "rcds_1")
    await harness.mirror.put_tombstone(ref, 3, tombstone(Observation(harness.clock.now(), "", ""), ref))
    harness.mirror.counters.clear()
    del harness.stripe.objects[f"{HOME}/rcds_1"]
    run = await filled(harness)
    assert run.counts.inserted == 0
    assert harness.item("rcds_1")["deleted"] is True


async def test_an_event_during_the_read_of_a_page_wins(harness: Harness) -> None:
    stock(harness, subscription())
    await filled(harness, CADENCE)
    newer = subscription(collection_status="past_due")

    async def change(path: str) -> None:
        if path.startswith(f"{HOME}?"):
            harness.stripe.before_answer = None
            harness.stripe.objects[f"{HOME}/rcds_1"] = newer
            await harness.deliver(subscription_event(at=harness.clock.now()))

    harness.stripe.before_answer = change
    await filled(harness)
    assert harness.item("rcds_1")["data"] == newer


async def test_an_event_whose_fetch_started_before_the_backfill_wins(harness: Harness) -> None:
    """Its token was claimed first, and is still higher."""
    stock(harness, subscription())
    await filled(harness, CADENCE)
    ref = ref_to(SCOPE, NAME, "rcds_1")
    token, _ = await harness.mirror.claim(ref, harness.clock.now())
    await filled(harness)
    assert harness.item("rcds_1")["token"] == 0
    seen = Observation(harness.clock.now(), "", "", subscription(collection_status="past_due"))
    assert await harness.mirror.put(ref, token, item(ref, seen, "cus_1"))


async def test_an_event_after_the_backfill_wins(harness: Harness) -> None:
    stock(harness, subscription())
    await filled(harness, CADENCE)
    await filled(harness)
    harness.stripe.objects[f"{HOME}/rcds_1"] = newer = subscription(collection_status="past_due")
    harness.clock.advance(100)
    await harness.deliver(subscription_event(at=harness.clock.now()))
    assert harness.item("rcds_1")["data"] == newer


async def test_an_object_whose_customer_is_not_known_yet_is_queued(harness: Harness) -> None:
    stock(harness, subscription())
    run = await filled(harness)
    assert (run.counts.inserted, run.counts.queued, queued_requests(harness)) == (0, 1, [("rcds_1", "test:backfill")])
    await harness.work()
    assert harness.item("rcds_1")["customer"] == "cus_1"


async def test_customers_are_read_once_for_a_page(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(100)))
    await filled(harness, CADENCE)
    harness.clock.advance(1)
    life = CallLimit()
    dependencies = replace(
        harness.reconcile_dependencies, ports=replace(harness.ports, mirror=crashing(harness.mirror, life))
    )
    run = await start_run(NAME, Job.BACKFILL, None, dependencies)
    assert (await execute_job(run, dependencies, until=harness.clock.now() + 100)).counts.inserted == 100
    assert life.counts["heads"] < 10
    assert life.counts["claim"] == 0


async def test_unlisted_objects_are_not_searched_where_nothing_was_mirrored(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(3)))
    await filled(harness, CADENCE)
    life = CallLimit()
    dependencies = replace(
        harness.reconcile_dependencies, ports=replace(harness.ports, mirror=crashing(harness.mirror, life))
    )
    run = await start_run(NAME, Job.BACKFILL, None, dependencies)
    run = await execute_job(run, dependencies, until=harness.clock.now() + 100)
    assert (run.complete, run.counts.inserted, run.started_empty, life.counts["ids"]) == (True, 3, True, 1)


async def test_an_unlisted_object_that_was_mirrored_before_is_found(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"))
    await harness.deliver(subscription_event())
    harness.clock.advance(100)
    stock(harness, subscription("rcds_2"))
    del harness.stripe.objects[f"{HOME}/rcds_1"]
    run = await filled(harness)
    assert (run.counts.inserted, run.started_empty) == (1, False)
    assert await harness.drifts(run) == [Drift("rcds_1", Difference.NOT_LISTED, Resolution.REPAIRED)]


async def test_an_object_that_lacks_fields_shown_on_request_is_queued(harness: Harness) -> None:
    stock(harness)
    shown = "include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"
    harness.stripe.lists[f"/v2/billing/cadences?{shown}"] = [cadence("bc_1", invoice_discount_rules=[])]
    run = await filled(harness, CADENCE)
    assert (run.counts.inserted, queued_requests(harness)) == (0, [("bc_1", "test:backfill")])


@pytest.mark.parametrize(("cut", "inserted"), [(True, 0), (False, 1)])
async def test_an_object_whose_own_list_is_truncated_is_queued(harness: Harness, cut: bool, inserted: int) -> None:
    note: JsonObject = {
        "id": "cn_1",
        "object": "credit_note",
        "created": 1_600_000_000,
        "livemode": False,
        "customer": "cus_1",
        "lines": {"object": "list", "data": [{"id": "cnli_1"}], "has_more": cut},
    }
    harness.stripe.lists[f"/v1/credit_notes?{shown_on_request('credit_note')}"] = [note]
    run = await filled(harness, "credit_note")
    assert (run.counts.inserted, run.counts.queued) == (inserted, 1 - inserted)
    assert queued_requests(harness) == ([("cn_1", "test:backfill")] if cut else [])


async def test_an_object_with_fields_that_no_list_shows_is_queued(harness: Harness) -> None:
    def price(identifier: str, **options: Json) -> JsonObject:
        fields: JsonObject = {"tiers": [{"up_to": None}], "currency_options": options}
        return {"id": identifier, "object": "price", "created": 1_600_000_000, "livemode": False, **fields}

    shown = f"/v1/prices?{shown_on_request('price')}"
    harness.stripe.lists = {shown: [price("price_1", eur={}), price("price_2")], f"{shown}&active=false": []}
    run = await filled(harness, "price")
    assert (run.counts.inserted, queued_requests(harness)) == (1, [("price_1", "test:backfill")])


async def test_referenced_objects_are_queued(harness: Harness) -> None:
    card = "/v2/billing/rate_cards/rcd_1"
    harness.stripe.objects[f"{card}/versions/rcdv_1"] = version()
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=f"{card}/versions/rcdv_1"))
    harness.queue.waiting.clear()
    harness.clock.advance(100)
    unit: JsonObject = {"id": "cpu_1", "value": "1"}
    harness.stripe.lists[f"{card}/rates?rate_card_version=rcdv_1"] = [
        rate("rcdr_1", custom_pricing_unit_amount=unit),
        rate("rcdr_2", custom_pricing_unit_amount=unit),
        rate("rcdr_3", custom_pricing_unit_amount={"id": "../x"}),
    ]
    run = await filled(harness, "v2.billing.rate_card_rate")
    assert run.counts.inserted == 3
    assert queued_requests(harness).count(("cpu_1", "test:backfill")) == 1


async def test_an_object_that_is_larger_than_the_table_takes_is_noted(harness: Harness) -> None:
    stock(harness, subscription("rcds_1", metadata={"x": noise(MAX_COMPRESSED)}), subscription("rcds_2"))
    await filled(harness, CADENCE)
    run = await filled(harness)
    assert (run.counts.inserted, run.counts.unstorable, run.counts.found) == (1, 1, 0)
    [drift] = await harness.drifts(run)
    assert drift == Drift("rcds_1", Difference.MISSING, Resolution.UNSTORABLE, reason=drift.reason)
    assert "too large" in drift.reason


async def test_an_object_that_one_item_does_not_hold_is_inserted(harness: Harness) -> None:
    large = subscription("rcds_1", metadata={"x": noise(MAX_ITEM)})
    stock(harness, large)
    await filled(harness, CADENCE)
    assert (await filled(harness)).counts.inserted == 1
    ref = ref_to(Scope(livemode=False), NAME, "rcds_1")
    assert await harness.mirror.body(ref) == large
    assert (await harness.mirror.heads([ref]))[ref.key].token == UNCLAIMED_TOKEN


async def test_a_deleted_object_is_not_inserted(harness: Harness) -> None:
    shown = "expand%5B0%5D=data.invoice_credit_balance&expand%5B1%5D=data.tax"
    harness.stripe.lists[f"/v1/customers?{shown}"] = [{"id": "cus_1", "object": "customer", "deleted": True}]
    assert (await filled(harness, "customer")).counts.inserted == 0


class SlowMirror(MemoryMirror):
    """A table whose writes take a while, so that other writes start meanwhile."""

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        await asyncio.sleep(0)
        return await super().insert(new)


async def test_objects_stored_concurrently_are_all_counted(harness: Harness) -> None:
    harness.mirror = SlowMirror()
    stock(harness, *(subscription(f"rcds_{number}") for number in range(50)))
    await filled(harness, CADENCE)
    assert (await filled(harness)).counts.inserted == 50


class DatedMirror(MemoryMirror):
    """Records the time of each request that inserts."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.written_at: list[float] = []

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        self.written_at.append(self._clock.now())
        return await super().insert(new)


async def rate_limited_backfill(harness: Harness, mirror: DatedMirror, rate: float = 1.0) -> tuple[Run, float]:
    """A backfill at this rate of requests a second, and its seconds."""
    mirror.objects.update(harness.mirror.objects)
    mirror.written_at.clear()
    budget = SharedBudget(
        MemoryStateStore(),
        Scope(livemode=False),
        harness.clock,
        Limits(100.0, 100.0, rate),
        of_reconcile=True,
        on_alone=pytest.fail,
    )
    stripe = RateLimitedStripe(harness.stripe, harness.clock, budget)
    dependencies = replace(harness.reconcile_dependencies, ports=replace(harness.ports, mirror=mirror, stripe=stripe))
    started = harness.clock.now()
    run = await start_run(NAME, Job.BACKFILL, None, dependencies)
    return await execute_job(run, dependencies, until=started + 1000), harness.clock.now() - started


async def test_the_writes_of_a_page_are_spread_until_the_next_request(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(200)))
    await filled(harness, CADENCE)
    mirror = DatedMirror(harness.clock)
    await rate_limited_backfill(harness, mirror)
    gaps = [later - earlier for earlier, later in pairwise(mirror.written_at)]
    assert gaps == pytest.approx([0.25] * 7, abs=1e-6), "each of 25 objects"


async def test_the_writes_of_a_page_are_spread_over_few_seconds_at_most(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(100)))
    await filled(harness, CADENCE)
    mirror = DatedMirror(harness.clock)
    await rate_limited_backfill(harness, mirror, 1 / 60)
    assert mirror.written_at == pytest.approx([mirror.written_at[0] + number * MAX_SPREAD / 4 for number in range(4)])


async def test_spreading_the_writes_delays_no_request(harness: Harness) -> None:
    stock(harness, *(subscription(f"rcds_{number}") for number in range(200)))
    await filled(harness, CADENCE)
    run, seconds = await rate_limited_backfill(harness, DatedMirror(harness.clock))
    assert (run.complete, run.counts.inserted, run.counts.pages) == (True, 200, 2 + 3)
    assert seconds == pytest.approx(run.counts.pages - 1)


async def test_an_inserted_object_is_dated_by_the_request_of_its_page(harness: Harness) -> None:
    """A tick that is frozen before its write must not date the page later than Stripe answered it."""
    stock(harness)
    requested_at = harness.clock.now() + 1

    async def freeze(_: str) -> None:
        harness.clock.advance(900)

    harness.stripe.before_answer = freeze
    harness.clock.advance(1)
    await harness.run_now(TYPES[CADENCE], job=Job.BACKFILL, seconds=100_000)
    assert harness.item("bc_1")["fetched_at"] == times.iso(requested_at)
