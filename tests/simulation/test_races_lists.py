"""Lists that change while they are read, each race by name; each ends equal to Stripe."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlencode

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.run import Run
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.ports import Ports
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import ProcessDependencies
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import run_now
from tests.doubles.samples import event, subscription
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe

INVOICE = "/v1/invoices/in_1"
LINES = f"{INVOICE}/lines?{urlencode(TYPES['invoice'].sublists[0].query)}"
PRODUCTS = "/v1/products"
SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"
LONG_AGO = 1_600_000_000


class RaceHarness:
    """Stripe with small pages, and a worker; ``between`` makes a change after the first page of a list."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mirror = MemoryMirror()
        self._state_store = MemoryStateStore()
        self.stripe = MemoryStripe(page_size=2)
        self.queue = MemoryQueue(self.clock)

    def between(self, change: Callable[[], Awaitable[None]]) -> None:
        async def after_the_first_page(path: str) -> None:
            if "limit=" in path:
                self.stripe.before_answer = None
                await change()

        self.stripe.before_answer = after_the_first_page

    async def send_event(self, name: str, body: JsonObject, url: str) -> None:
        await self.queue.send(event(name, body, url=url, at=self.clock.now()), group="test")

    async def work(self) -> list[Outcome]:
        batch = self.queue.receive()
        ended = await process_batch(
            batch, ProcessDependencies(self._ports, clock_skew_margin=5.0), deadline=self.clock.now() + 50.0
        )
        for one in ended:
            if not one.retry:
                self.queue.delete(one.item.received.receipt)
        self.clock.advance(1000)
        return [one.outcome for one in ended]

    async def reconcile(self, name: str) -> Run:
        run = await run_now(TYPES[name], ReconcileDependencies(self._ports, self._state_store, Schedule()))
        self.clock.advance(3600)
        return run

    @property
    def _ports(self) -> Ports:
        return Ports(self.clock, self.mirror, self.stripe, self.queue)


@pytest.fixture
def harness() -> RaceHarness:
    return RaceHarness()


# ---- an invoice whose lines are read page by page


def line(number: int, amount: int) -> JsonObject:
    return {"id": f"il_{number}", "object": "line_item", "amount": amount}


def bill(harness: RaceHarness, amounts: Sequence[int]) -> None:
    """What the invoice is from now on: Stripe shows its first three lines, and lists all."""
    lines = [line(number, amount) for number, amount in enumerate(amounts)]
    shown: Json = {"object": "list", "data": [*lines[:3]], "has_more": len(lines) > 3}
    body: JsonObject = {"id": "in_1", "object": "invoice", "created": LONG_AGO, "customer": "cus_1", "livemode": False}
    harness.stripe.objects[INVOICE] = {**body, "lines": shown, "total": sum(amounts)}
    harness.stripe.lists[LINES] = lines


def mirrored_amounts(harness: RaceHarness) -> tuple[Json, list[Json]]:
    data = harness.mirror.objects["test#in_1"]["data"]
    assert isinstance(data, dict)
    lines = data["lines"]
    assert isinstance(lines, dict)
    assert isinstance(lines["data"], list)
    return data["total"], [one["amount"] for one in lines["data"] if isinstance(one, dict)]


async def test_an_invoice_changes_while_its_lines_are_read(harness: RaceHarness) -> None:
    """The first fetch has lines of two states; the event of the change repairs that."""
    bill(harness, [1, 1, 1, 1, 1])

    async def change() -> None:
        bill(harness, [2, 2, 2, 2, 2])
        await harness.send_event("v1.invoice.updated", harness.stripe.objects[INVOICE], INVOICE)

    harness.between(change)
    await harness.send_event("v1.invoice.created", harness.stripe.objects[INVOICE], INVOICE)
    await harness.work()
    assert set(await harness.work()) == {Outcome.STORED}
    assert mirrored_amounts(harness) == (10, [2, 2, 2, 2, 2])


async def test_the_line_after_which_the_next_page_goes_on_is_removed(harness: RaceHarness) -> None:
    bill(harness, [1, 2, 3, 4, 5])

    async def change() -> None:
        bill(harness, [1])
        await harness.send_event("v1.invoice.updated", harness.stripe.objects[INVOICE], INVOICE)

    harness.between(change)
    await harness.send_event("v1.invoice.created", harness.stripe.objects[INVOICE], INVOICE)
    await harness.work()
    await harness.work()
    await harness.work()
    assert not harness.queue.waiting
    assert mirrored_amounts(harness) == (1, [1])


# ---- passes of reconcile whose lists change between two pages


def product(identifier: str) -> JsonObject:
    return {"id": identifier, "object": "product", "created": LONG_AGO, "livemode": False}


async def sold(harness: RaceHarness, *identifiers: str) -> None:
    """Products at Stripe, in the order of their list, and in the mirror."""
    harness.stripe.lists[PRODUCTS] = []
    for identifier in identifiers:
        path = f"{PRODUCTS}/{identifier}"
        harness.stripe.objects[path] = product(identifier)
        harness.stripe.lists[PRODUCTS].append(product(identifier))
        await harness.send_event("v1.product.created", product(identifier), path)
    await harness.work()


def alive(harness: RaceHarness) -> set[str]:
    return {name.rpartition("/")[2] for name, item in harness.mirror.objects.items() if item.get("deleted") is not True}


async def test_the_product_after_which_the_next_page_goes_on_is_deleted(harness: RaceHarness) -> None:
    """The run ends early and puts no tombstone for objects that it has not seen."""
    await sold(harness, "p_1", "p_2", "p_3", "p_4")

    async def delete() -> None:
        del harness.stripe.lists[PRODUCTS][1]
        del harness.stripe.objects[f"{PRODUCTS}/p_2"]

    harness.between(delete)
    await harness.reconcile("product")
    assert {"p_1", "p_3", "p_4"} <= alive(harness)
    assert (await harness.reconcile("product")).complete
    assert alive(harness) == {"p_1", "p_3", "p_4"}


async def subscribed(harness: RaceHarness, *identifiers: str) -> None:
    listed: list[JsonObject] = []
    harness.stripe.objects["/v2/billing/cadences/bc_1"] = {"id": "bc_1", "payer": {"customer": "cus_1"}}
    harness.stripe.lists["/v2/billing/cadences/bc_1/spend_modifier_rules"] = []
    for identifier in identifiers:
        body = subscription(identifier, created="2020-01-01T00:00:00.000Z")
        harness.stripe.objects[f"{SUBSCRIPTIONS}/{identifier}"] = body
        listed.append(body)
        await harness.send_event("v2.billing.rate_card_subscription.activated", body, f"{SUBSCRIPTIONS}/{identifier}")
    harness.stripe.lists[SUBSCRIPTIONS] = listed
    for status in ("canceled", "paused", "pending"):
        harness.stripe.lists[f"{SUBSCRIPTIONS}?servicing_status={status}"] = []
    await harness.work()


def subscriptions(harness: RaceHarness) -> dict[str, object]:
    """The statuses of what is mirrored of them, by id."""
    return {
        str(item["id"]): item.get("status")
        for name, item in harness.mirror.objects.items()
        if name.startswith("test#rcds_") and item.get("deleted") is not True
    }


async def test_a_subscription_that_a_page_skips_gets_no_tombstone(harness: RaceHarness) -> None:
    """One before it leaves the list, so that all others move up by one."""
    await subscribed(harness, "rcds_1", "rcds_2", "rcds_3", "rcds_4")

    async def cancel() -> None:
        canceled = harness.stripe.lists[SUBSCRIPTIONS].pop(0) | {"servicing_status": "canceled"}
        harness.stripe.objects[f"{SUBSCRIPTIONS}/rcds_1"] = canceled
        harness.stripe.lists[f"{SUBSCRIPTIONS}?servicing_status=canceled"] = [canceled]

    harness.between(cancel)
    run = await harness.reconcile("v2.billing.rate_card_subscription")
    assert run.complete
    assert any("canceled" in path for path in harness.stripe.paths)
    expected = {"rcds_1": "canceled", "rcds_2": "active", "rcds_3": "active", "rcds_4": "active"}
    assert subscriptions(harness) == expected


async def test_a_subscription_that_two_pages_show_is_one(harness: RaceHarness) -> None:
    """A new one moves all others down by one."""
    await subscribed(harness, "rcds_1", "rcds_2", "rcds_3")

    async def subscribe() -> None:
        body = subscription("rcds_new", created="2020-01-01T00:00:00.000Z")
        harness.stripe.objects[f"{SUBSCRIPTIONS}/rcds_new"] = body
        harness.stripe.lists[SUBSCRIPTIONS].insert(0, body)

    harness.between(subscribe)
    await harness.reconcile("v2.billing.rate_card_subscription")
    await harness.reconcile("v2.billing.rate_card_subscription")
    assert subscriptions(harness) == dict.fromkeys(("rcds_1", "rcds_2", "rcds_3", "rcds_new"), "active")
