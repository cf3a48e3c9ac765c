"""Known races that leave mirrors stale, each by name; each ends equal to Stripe."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TypeVar

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.core.table.mirror_state import NO_EVENTS, LastEvents
from billing_mirror.ports import Ports, StripeRequest, StripeResponse
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import run_now
from tests.doubles.samples import event
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe

T = TypeVar("T")
GOLD = "/v1/products/gold"
PRODUCTS = "/v1/products?active=true&limit=100"


@dataclass
class Hold:
    """A worker that waits: ``reached`` is set when it waits, and ``release`` lets it continue."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        self.reached.set()
        await self.release.wait()


class ScriptedMirror(MemoryMirror):
    """Can hold the next worker between its claim and its fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: list[Hold] = []

    async def claim(
        self, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
    ) -> tuple[int, LastEvents]:
        taken = await super().claim(ref, now, events, unless_since=unless_since)
        if self.holds:
            await self.holds.pop(0).wait()
        return taken


@dataclass
class ScriptedStripe(MemoryStripe):
    """Can hold the next worker between its fetch of the product and its write."""

    holds: list[Hold] = field(default_factory=list)

    async def get(self, request: StripeRequest) -> StripeResponse:
        try:
            return await super().get(request)
        finally:
            if self.holds and request.path == GOLD:
                await self.holds.pop(0).wait()


class RaceHarness:
    """A product at Stripe, and workers that continue when the test releases them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mirror = ScriptedMirror()
        self.stripe = ScriptedStripe()
        self.queue = MemoryQueue(self.clock)
        self._events = 0

    @property
    def ports(self) -> Ports:
        return Ports(self.clock, self.mirror, self.stripe, self.queue)

    def change(self, name: str | None) -> None:
        """Changes the product at Stripe; None deletes it."""
        if name is None:
            del self.stripe.objects[GOLD]
        else:
            self.stripe.objects[GOLD] = product(name)

    async def send_event(self, word: str, *, age: float = 0.0) -> None:
        self._events += 1
        at = self.clock.now() - age
        text = event(f"v1.product.{word}", product(""), url=GOLD, at=at, identifier=f"evt_{self._events}")
        await self.queue.send(text, group="test")

    async def mirrored(self, name: str) -> None:
        """Starts with a product that has long been at Stripe and in the mirror."""
        self.change(name)
        await self.send_event("created")
        await self.work()
        self.clock.advance(1000)

    async def work(self, most: int = 10) -> list[MessageResult]:
        """One worker's batch."""
        batch = self.queue.receive(most)
        ended = await process_batch(
            batch, ProcessDependencies(self.ports, clock_skew_margin=5.0), deadline=self.clock.now() + 50.0
        )
        for one in ended:
            if not one.retry:
                self.queue.delete(one.item.received.receipt)
        return ended

    async def hold_after_fetch(self, work: Awaitable[T]) -> tuple[Hold, asyncio.Task[T]]:
        """Holds a worker that has fetched and not yet written."""
        hold = Hold()
        self.stripe.holds.append(hold)
        return hold, await _started(hold, work)

    async def hold_before_fetch(self, work: Awaitable[T]) -> tuple[Hold, asyncio.Task[T]]:
        """Holds a worker that has claimed and not yet fetched."""
        hold = Hold()
        self.mirror.holds.append(hold)
        return hold, await _started(hold, work)

    async def require_equal(self) -> None:
        """Processes the remaining messages, without reconcile, and compares."""
        while self.queue.waiting:
            self.clock.advance(1000)
            await self.work()
        item = self.mirror.objects["test#product/gold"]
        assert (None if item.get("deleted") is True else item["data"]) == self.stripe.objects.get(GOLD)


@pytest.fixture
def harness() -> RaceHarness:
    return RaceHarness()


def product(name: str, **fields: Json) -> JsonObject:
    return {"id": "gold", "object": "product", "name": name, "created": 1_600_000_000, "livemode": False, **fields}


async def _started(hold: Hold, work: Awaitable[T]) -> asyncio.Task[T]:
    task = asyncio.ensure_future(work)
    await hold.reached.wait()
    assert isinstance(task, asyncio.Task)
    return task


async def _end(hold: Hold, task: asyncio.Task[T]) -> T:
    hold.release.set()
    return await task


def outcomes(ended: Sequence[MessageResult]) -> list[Outcome]:
    return [one.outcome for one in ended]


async def test_a_slow_read_of_the_old_state_overtakes_a_fast_read_of_the_new_one(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    await harness.send_event("updated")
    slow, old = await harness.hold_after_fetch(harness.work())
    harness.change("second")
    await harness.send_event("updated")
    assert outcomes(await harness.work()) == [Outcome.STORED]
    assert outcomes(await _end(slow, old)) == [Outcome.SUPERSEDED]
    await harness.require_equal()


async def test_a_worker_that_was_frozen_for_an_hour_writes_its_answer(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    await harness.send_event("updated")
    slow, old = await harness.hold_after_fetch(harness.work())
    harness.change("second")
    harness.clock.advance(3600)
    assert outcomes(await harness.work()) == [Outcome.STORED]  # the same message, visible again
    assert outcomes(await _end(slow, old)) == [Outcome.SUPERSEDED]
    await harness.require_equal()


async def test_the_first_claim_fetches_last(harness: RaceHarness) -> None:
    """The newer answer has the lower token; the event of the change repairs that."""
    await harness.mirrored("first")
    await harness.send_event("updated")
    late, first = await harness.hold_before_fetch(harness.work())
    await harness.send_event("updated")
    slow, second = await harness.hold_after_fetch(harness.work())
    harness.change("second")
    await harness.send_event("updated")
    assert outcomes(await _end(late, first)) == [Outcome.STORED]
    assert outcomes(await _end(slow, second)) == [Outcome.UNCHANGED]  # compared with the state when it started
    assert harness.mirror.objects["test#product/gold"]["data"] == product("first")
    await harness.require_equal()


async def test_a_message_is_not_already_fresh_while_an_older_fetch_may_still_replace_the_item(
    harness: RaceHarness,
) -> None:
    """Decision 8."""
    await harness.mirrored("first")
    await harness.send_event("updated")
    late, first = await harness.hold_before_fetch(harness.work())
    await harness.send_event("updated")
    slow, second = await harness.hold_after_fetch(harness.work())
    harness.change("second")
    await harness.send_event("updated")
    harness.clock.advance(20)  # so the first worker's fetch starts late enough to be fresh enough for the message
    assert outcomes(await _end(late, first)) == [Outcome.STORED]
    assert outcomes(await harness.work()) == [Outcome.UNCHANGED]
    assert outcomes(await _end(slow, second)) == [Outcome.SUPERSEDED]
    await harness.require_equal()


@pytest.mark.parametrize("in_one_batch", [False, True], ids=["one after the other", "in one batch"])
async def test_two_changes_within_one_second(harness: RaceHarness, in_one_batch: bool) -> None:
    """Both events have the same time, and the first fetch shows the first change only."""
    await harness.mirrored("first")
    harness.change("second")
    await harness.send_event("updated")
    if not in_one_batch:
        await harness.work()
    harness.clock.advance(0.2)
    harness.change("third")
    await harness.send_event("updated", age=0.2)
    await harness.work()
    await harness.require_equal()


async def test_a_change_within_the_second_in_which_the_object_was_fetched(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    await harness.send_event("updated")
    slow, old = await harness.hold_after_fetch(harness.work())
    harness.change("second")
    await harness.send_event("updated")
    assert outcomes(await _end(slow, old)) == [Outcome.UNCHANGED]
    assert outcomes(await harness.work()) == [Outcome.STORED]
    await harness.require_equal()


async def test_the_events_of_two_changes_arrive_the_wrong_way_round(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    harness.change("second")
    harness.change("third")
    await harness.send_event("updated")
    await harness.work()
    harness.clock.advance(60)
    await harness.send_event("updated", age=60.5)
    assert outcomes(await harness.work()) == [Outcome.ALREADY_FRESH]
    await harness.require_equal()


async def test_an_event_is_older_than_the_mirrored_state(harness: RaceHarness) -> None:
    """Three days late; its own body, had it one, would be the old one."""
    await harness.mirrored("first")
    harness.change("second")
    await harness.send_event("updated")
    await harness.work()
    harness.clock.advance(3 * 86400)
    await harness.send_event("updated", age=3 * 86400 + 10)
    await harness.work()
    await harness.require_equal()


async def test_a_deletion_event_arrives_after_the_product_was_created_again(harness: RaceHarness) -> None:
    await harness.mirrored("first life")
    harness.change(None)
    harness.change("second life")
    await harness.send_event("created")
    await harness.work()
    await harness.send_event("deleted", age=30)
    await harness.work()
    await harness.require_equal()


async def test_a_fetch_that_found_the_deletion_is_written_after_the_product_was_created_again(
    harness: RaceHarness,
) -> None:
    await harness.mirrored("first life")
    harness.change(None)
    await harness.send_event("deleted")
    slow, deleted = await harness.hold_after_fetch(harness.work())
    harness.change("second life")
    await harness.send_event("created")
    await harness.work()
    assert outcomes(await _end(slow, deleted)) == [Outcome.SUPERSEDED]
    await harness.require_equal()


async def test_a_fetch_from_before_the_deletion_is_written_after_it(harness: RaceHarness) -> None:
    await harness.mirrored("first life")
    await harness.send_event("updated")
    slow, old = await harness.hold_after_fetch(harness.work())
    harness.change(None)
    await harness.send_event("deleted")
    assert outcomes(await harness.work()) == [Outcome.REMOVED]
    assert outcomes(await _end(slow, old)) == [Outcome.SUPERSEDED]
    await harness.require_equal()


async def test_deleted_created_and_deleted_again_with_three_fetches_written_in_reverse(harness: RaceHarness) -> None:
    await harness.mirrored("first life")
    fetches = []
    for name, word in ((None, "deleted"), ("second life", "created"), (None, "deleted")):
        harness.change(name)
        await harness.send_event(word)
        fetches.append(await harness.hold_after_fetch(harness.work()))
    for hold, task in reversed(fetches):
        await _end(hold, task)
    await harness.require_equal()


async def test_the_first_fetch_of_a_new_product_reads_a_lagging_replica(harness: RaceHarness) -> None:
    await harness.send_event("created")
    slow, nothing = await harness.hold_after_fetch(harness.work())
    harness.change("first")
    await harness.send_event("updated")
    assert outcomes(await harness.work()) == [Outcome.STORED]
    assert outcomes(await _end(slow, nothing)) == [Outcome.POSTPONED]
    await harness.require_equal()


async def test_a_reconcile_run_fetches_before_the_change_and_writes_after_it(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    harness.stripe.lists[PRODUCTS.replace("&limit=100", "")] = [product("what a list shows")]
    harness.stripe.lists["/v1/products"] = [product("what a list shows")]
    run = run_now(TYPES["product"], ReconcileDependencies(harness.ports, MemoryStateStore(), Schedule()))
    slow, passing = await harness.hold_after_fetch(run)
    harness.change("second")
    await harness.send_event("updated")
    assert outcomes(await harness.work()) == [Outcome.STORED]
    assert (await _end(slow, passing)).complete
    await harness.require_equal()


async def test_two_workers_process_one_message_while_the_product_changes(harness: RaceHarness) -> None:
    await harness.mirrored("first")
    harness.change("second")
    await harness.send_event("updated")
    slow, one = await harness.hold_after_fetch(harness.work())
    harness.clock.advance(401)  # visible again
    late, other = await harness.hold_before_fetch(harness.work())
    harness.change("third")
    await harness.send_event("updated")
    await _end(late, other)
    await _end(slow, one)
    await harness.require_equal()
