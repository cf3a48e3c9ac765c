"""Usage pairs: found in batches of subscriptions, and each pair requested once."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES, USAGE
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.run import Job, Run
from billing_mirror.core.table.items import Item, Observation, item
from billing_mirror.ports import IndexEntry, Ports
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.lists.index_walk import BATCH
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from billing_mirror.reconcile.usage.pairs import MAX_OWNERS, PAIRS, STILL_CHANGING, UsagePair
from tests.doubles.clock import ManualClock
from tests.doubles.crashing import CallLimit, Killed, crashing
from tests.doubles.mirror import MemoryMirror
from tests.doubles.state_store import MemoryStateStore
from tests.unit.harness import Harness

SCOPE = Scope(livemode=False)
NOW = 1_700_000_000
LARGEST_KEY = 1024
"""Bytes of a sort key of the table."""


@dataclass(frozen=True)
class Subscribed:
    """A subscription, and its age in seconds."""

    customer: str
    meters: tuple[str, ...]
    status: str = "active"
    ago: int = 0


async def store(harness: Harness, type_name: str, identifier: str, body: JsonObject, **listed: list[str]) -> None:
    members: dict[str, tuple[JsonObject, ...]] = {
        name: tuple({"id": one} for one in several) for name, several in listed.items()
    }
    ref = ObjectRef(SCOPE, TYPES[type_name], identifier)
    seen = Observation(NOW, "version", "request", body={**body, "id": identifier}, member_lists=members)
    customer = body.get("customer")
    await harness.mirror.put(ref, 1, item(ref, seen, customer if isinstance(customer, str) else None))


async def stocked(several: Iterable[Subscribed], harness: Harness | None = None) -> Harness:
    """A mirror with these subscriptions; Stripe has a list for each pair, without any usage."""
    harness = harness or Harness()
    for number, one in enumerate(several):
        data: list[JsonObject] = [{"price": {"recurring": {"meter": meter}}} for meter in one.meters]
        body: JsonObject = {
            "customer": one.customer,
            "status": one.status,
            "created": NOW - one.ago,
            "items": {"data": [*data]},
        }
        await store(harness, "subscription", f"sub_{number:05}", body)
    return harness


async def swept(harness: Harness, life: CallLimit | None = None) -> tuple[Run | None, Counter[str]]:
    """A tick's part of a run, for as long as the tick lives; the pairs that it has requested."""
    harness.stripe.requests.clear()
    life = life or CallLimit()
    ports = Ports(harness.clock, crashing(harness.mirror, life), crashing(harness.stripe, life), harness.queue)
    dependencies = replace(harness.reconcile_dependencies, ports=ports, state_store=crashing(harness.state_store, life))
    last, run = await last_run(USAGE.name, harness.reconcile_dependencies), None
    going_on = last is not None and not last.finished_at
    with suppress(Killed):
        pending = (
            last if last and going_on else await start_run(USAGE.name, Job.USAGE, last, harness.reconcile_dependencies)
        )
        run = await execute_job(pending, dependencies, until=harness.clock.now() + 100)
    requests = Counter(f"{one.path.split('/')[4]}/{one.query['customer']}" for one in harness.stripe.requests)
    return run, requests


async def test_a_pair_is_requested_once_wherever_its_subscriptions_are_in_the_index() -> None:
    several = [Subscribed(f"cus_{number % 2}", ("mtr_1", "mtr_2"), ago=number) for number in range(2 * BATCH + 1)]
    harness = await stocked([*several, Subscribed("cus_1", ("mtr_2", "mtr_3"), "past_due")])
    run, requests = await swept(harness)
    assert run is not None
    assert run.complete
    assert requests == Counter(["mtr_1/cus_0", "mtr_1/cus_1", "mtr_2/cus_0", "mtr_2/cus_1", "mtr_3/cus_1"])


@pytest.mark.parametrize("status", ["active", "trialing"])
async def test_a_sweep_that_is_stopped_amid_the_subscriptions_resumes_after_the_recorded_ones(status: str) -> None:
    """Amid the subscriptions of one status or of the next, all created in the same second."""
    first = [Subscribed(f"cus_{number}", ("mtr_1",)) for number in range(BATCH)]
    harness = await stocked([*first, *(replace(one, status=status, customer=f"{one.customer}x") for one in first * 2)])
    early, late = CallLimit(5 * BATCH), CallLimit()
    assert await swept(harness, early) == (None, Counter())
    run, requests = await swept(harness, late)
    assert run is not None
    assert run.complete
    assert requests.keys() == {f"mtr_1/cus_{number}{x}" for number in range(BATCH) for x in ("", "x")}
    assert (early.counts["body"], late.counts["body"]) == (3 * BATCH, BATCH)


class ObservedMirror(MemoryMirror):
    """Counts the subscriptions that the index has returned since the last checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most_held = 0

    async def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        async for listed in super().ids(scope, type_name, status=status, since=since):
            self.held += 1
            self.most_held = max(self.held, self.most_held)
            yield listed


async def test_a_resumed_sweep_reads_the_index_from_where_it_stopped() -> None:
    mirror = ObservedMirror()
    harness = await stocked(
        (Subscribed("cus_1", ("mtr_1",), ago=ago) for ago in range(2 * BATCH)), Harness(mirror=mirror)
    )
    assert await swept(harness, CallLimit(2 * BATCH)) == (None, Counter())
    mirror.held = 0
    await swept(harness)
    assert mirror.held == BATCH + 1, "and the one it stopped after"


@dataclass
class ObservedStateStore(MemoryStateStore):
    """Notifies the mirror when a checkpoint is stored."""

    mirror: ObservedMirror | None = None

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        if partition == f"pages:{USAGE.name}" and self.mirror:
            self.mirror.held = 0
        return await super().write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected)


async def test_only_one_batch_of_subscriptions_is_in_memory() -> None:
    mirror = ObservedMirror()
    harness = Harness(mirror=mirror, state_store=ObservedStateStore(mirror=mirror))
    await stocked((Subscribed(f"cus_{number}", ("mtr_1",)) for number in range(20 * BATCH)), harness)
    run, requests = await swept(harness)
    assert run is not None
    assert (run.complete, len(requests)) == (True, 20 * BATCH)
    assert mirror.most_held == BATCH


async def release(harness: Harness, version: str, *meters: str) -> None:
    """A version of a rate card, and a rate for each meter."""
    name, rates = "v2.billing.rate_card_rate", [f"rate_of_{version}_{meter}" for meter in meters]
    for rate, meter in zip(rates, meters, strict=True):
        await store(harness, name, rate, {"metered_item": {"meter": meter}})
    await store(harness, "v2.billing.rate_card_version", version, {}, **{name: rates})


async def subscribe(harness: Harness, *versions: str) -> None:
    for number, version in enumerate(versions):
        body: JsonObject = {
            "customer": "cus_1",
            "servicing_status": "active",
            "rate_card_version": version,
            "created": times.iso(NOW - 10_000 + number),
        }
        await store(harness, "v2.billing.rate_card_subscription", f"rcds_{number:05}", body)


async def test_all_meters_of_a_large_version_are_found() -> None:
    harness, meters = Harness(), [f"mtr_{number}" for number in range(2 * BATCH + 1)]
    await release(harness, "rcdv_1", *meters)
    await subscribe(harness, "rcdv_1")
    _, requests = await swept(harness)
    assert requests == Counter(f"{meter}/cus_1" for meter in meters)


@dataclass
class SlowStateStore(MemoryStateStore):
    """Takes a second to write a pair, and counts the writes before each prolonging of the lease."""

    clock: ManualClock = field(default_factory=ManualClock)
    at_once: list[int] = field(default_factory=lambda: [0])

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        if partition == PAIRS:
            self.clock.advance(1)
            self.at_once[-1] += 1
        return await super().write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected)

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        self.at_once.append(0)
        return await super().lease(scope, owner, now=now, until=until)


async def test_the_lease_is_prolonged_while_many_pairs_are_written() -> None:
    clock = ManualClock()
    state_store = SlowStateStore(clock=clock)
    harness, meters = (
        Harness(clock=clock, state_store=state_store),
        [f"mtr_{number}" for number in range(3 * BATCH + 1)],
    )
    await release(harness, "rcdv_1", *meters)
    await subscribe(harness, "rcdv_1")
    _, requests = await swept(harness)
    assert requests == Counter(f"{meter}/cus_1" for meter in meters)
    assert state_store.at_once == [BATCH, BATCH, BATCH, 1]


async def test_the_meters_of_some_versions_are_cached() -> None:
    harness, life = Harness(), CallLimit()
    versions = [f"rcdv_{number:05}" for number in range(MAX_OWNERS)]
    for version in ("rcdv_shared", *versions):
        await release(harness, version, "mtr_1")
    several = ["rcdv_shared"] * BATCH + versions + ["rcdv_shared"] * BATCH
    await subscribe(harness, *several)
    _, requests = await swept(harness, life)
    assert requests == Counter(["mtr_1/cus_1"])
    rates = life.counts["body"] - len(several)
    assert rates == 1 + MAX_OWNERS + 1, "the shared one was forgotten once"


async def test_a_pair_is_stored_for_as_long_as_its_usage_can_change() -> None:
    harness = await stocked([Subscribed("cus_1", ("mtr_1",))])
    await swept(harness)
    assert harness.state_store.partitions[f"test#{PAIRS}"] == {
        "mtr_1/cus_1": {"pair": "mtr_1/cus_1", "expires_at": int(harness.clock.now()) + STILL_CHANGING}
    }


def test_the_sort_key_of_a_pair_fits_however_long_the_customers_id_is() -> None:
    long = [UsagePair("mtr_1", "\N{PILE OF POO}" * 254 + last) for last in "\N{PILE OF POO}\N{EYES}"]
    assert len({pair.sort_key for pair in long}) == 2
    assert max(len(pair.sort_key.encode()) for pair in long) < LARGEST_KEY


CUSTOMERS = st.sampled_from(["cus_1", "cus_2", "a/b", "cus_1/x"])
METERS = st.lists(st.sampled_from(["mtr_1", "mtr_2", "mtr_3"]), max_size=3).map(tuple)
STATUSES = st.sampled_from(["active", "trialing", "past_due", "unpaid", "canceled", "incomplete"])
SUBSCRIPTIONS = st.lists(st.builds(Subscribed, CUSTOMERS, METERS, STATUSES, st.integers(0, 3)), max_size=12)


@settings(deadline=None, max_examples=60)
@given(SUBSCRIPTIONS, st.sampled_from([1, BATCH]), st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=4))
async def test_a_sweep_that_is_killed_often_requests_every_pair_and_hardly_any_twice(
    several: list[Subscribed], times_over: int, kills: list[tuple[int, bool]]
) -> None:
    harness = await stocked(several * times_over)
    billed = {
        f"{meter}/{one.customer}"
        for one in several
        for meter in one.meters
        if one.status in ("active", "trialing", "past_due", "unpaid")
    }
    total: Counter[str] = Counter()
    ended: Run | None = None
    for life in (*(CallLimit(nth, before) for nth, before in kills), CallLimit()):
        if ended is None or not ended.complete:
            _, requests = await swept(harness, life)
            total += requests
            ended = await last_run(USAGE.name, harness.reconcile_dependencies)
    assert ended is not None
    assert ended.complete
    assert set(total) == billed
    assert sum(total.values()) <= len(billed) + len(kills)
