"""Lists that change while they are read, one by one and by name; each story ends equal to Stripe."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlencode

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.run import Run
from billing_mirror.core.schedule import Schedule
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import ProcessDependencies
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.refresh.apply import Ports
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import passed
from tests.doubles.samples import event, subscription
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe

INVOICE = "/v1/invoices/in_1"
LINES = f"{INVOICE}/lines?{urlencode(TYPES['invoice'].sublists[0].query)}"
PRODUCTS = "/v1/products"
SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"
LONG_AGO = 1_600_000_000


class Stage:
    """Stripe, whose pages are small, and a worker; what is done ``between`` comes after the first page of a list."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mirror = MemoryMirror()
        self._journal = MemoryStateStore()
        self.stripe = MemoryStripe(page_size=2)
        self.queue = MemoryQueue(self.clock)

    def between(self, change: Callable[[], Awaitable[None]]) -> None:
        async def after_the_first_page(path: str) -> None:
            if "limit=" in path:
                self.stripe.before_answer = None
                await change()

        self.stripe.before_answer = after_the_first_page

    async def tell(self, name: str, body: JsonObject, url: str) -> None:
        await self.queue.send(event(name, body, url=url, at=self.clock.now()), group="test")

    async def work(self) -> list[Outcome]:
        batch = self.queue.receive()
        ended = await process_batch(
            batch, ProcessDependencies(self._world, clock_skew_margin=5.0), deadline=self.clock.now() + 50.0
        )
        for one in ended:
            if not one.retry:
                self.queue.delete(one.item.received.receipt)
        self.clock.advance(1000)
        return [one.outcome for one in ended]

    async def reconcile(self, name: str) -> Run:
        run = await passed(TYPES[name], ReconcileDependencies(self._world, self._journal, Schedule()))
        self.clock.advance(3600)
        return run

    @property
    def _world(self) -> Ports:
        return Ports(self.clock, self.mirror, self.stripe, self.queue)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# ---- an invoice whose lines are read page by page


def line(number: int, amount: int) -> JsonObject:
    return {"id": f"il_{number}", "object": "line_item", "amount": amount}


def bill(stage: Stage, amounts: Sequence[int]) -> None:
    """What the invoice is from now on: Stripe shows its first three lines, and lists all."""
    lines = [line(number, amount) for number, amount in enumerate(amounts)]
    shown: Json = {"object": "list", "data": [*lines[:3]], "has_more": len(lines) > 3}
    body: JsonObject = {"id": "in_1", "object": "invoice", "created": LONG_AGO, "customer": "cus_1", "livemode": False}
    stage.stripe.objects[INVOICE] = {**body, "lines": shown, "total": sum(amounts)}
    stage.stripe.lists[LINES] = lines


def mirrored_amounts(stage: Stage) -> tuple[Json, list[Json]]:
    data = stage.mirror.objects["test#in_1"]["data"]
    assert isinstance(data, dict)
    lines = data["lines"]
    assert isinstance(lines, dict)
    assert isinstance(lines["data"], list)
    return data["total"], [one["amount"] for one in lines["data"] if isinstance(one, dict)]


async def test_an_invoice_changes_while_its_lines_are_read(stage: Stage) -> None:
    """The first look has lines of two states; the change's own event ends that."""
    bill(stage, [1, 1, 1, 1, 1])

    async def change() -> None:
        bill(stage, [2, 2, 2, 2, 2])
        await stage.tell("v1.invoice.updated", stage.stripe.objects[INVOICE], INVOICE)

    stage.between(change)
    await stage.tell("v1.invoice.created", stage.stripe.objects[INVOICE], INVOICE)
    await stage.work()
    assert set(await stage.work()) == {Outcome.STORED}
    assert mirrored_amounts(stage) == (10, [2, 2, 2, 2, 2])


async def test_the_line_after_which_the_next_page_goes_on_is_removed(stage: Stage) -> None:
    bill(stage, [1, 2, 3, 4, 5])

    async def change() -> None:
        bill(stage, [1])
        await stage.tell("v1.invoice.updated", stage.stripe.objects[INVOICE], INVOICE)

    stage.between(change)
    await stage.tell("v1.invoice.created", stage.stripe.objects[INVOICE], INVOICE)
    await stage.work()
    await stage.work()
    await stage.work()
    assert not stage.queue.waiting
    assert mirrored_amounts(stage) == (1, [1])


# ---- passes of reconcile whose lists change between two pages


def product(identifier: str) -> JsonObject:
    return {"id": identifier, "object": "product", "created": LONG_AGO, "livemode": False}


async def sold(stage: Stage, *identifiers: str) -> None:
    """Products at Stripe, in the order of their list, and in the mirror."""
    stage.stripe.lists[PRODUCTS] = []
    for identifier in identifiers:
        path = f"{PRODUCTS}/{identifier}"
        stage.stripe.objects[path] = product(identifier)
        stage.stripe.lists[PRODUCTS].append(product(identifier))
        await stage.tell("v1.product.created", product(identifier), path)
    await stage.work()


def alive(stage: Stage) -> set[str]:
    return {name.rpartition("/")[2] for name, item in stage.mirror.objects.items() if item.get("deleted") is not True}


async def test_the_product_after_which_the_next_page_goes_on_is_deleted(stage: Stage) -> None:
    """The pass ends early, and buries nothing that it has not seen."""
    await sold(stage, "p_1", "p_2", "p_3", "p_4")

    async def delete() -> None:
        del stage.stripe.lists[PRODUCTS][1]
        del stage.stripe.objects[f"{PRODUCTS}/p_2"]

    stage.between(delete)
    await stage.reconcile("product")
    assert {"p_1", "p_3", "p_4"} <= alive(stage)
    assert (await stage.reconcile("product")).complete
    assert alive(stage) == {"p_1", "p_3", "p_4"}


async def subscribed(stage: Stage, *identifiers: str) -> None:
    listed: list[JsonObject] = []
    stage.stripe.objects["/v2/billing/cadences/bc_1"] = {"id": "bc_1", "payer": {"customer": "cus_1"}}
    stage.stripe.lists["/v2/billing/cadences/bc_1/spend_modifier_rules"] = []
    for identifier in identifiers:
        body = subscription(identifier, created="2020-01-01T00:00:00.000Z")
        stage.stripe.objects[f"{SUBSCRIPTIONS}/{identifier}"] = body
        listed.append(body)
        await stage.tell("v2.billing.rate_card_subscription.activated", body, f"{SUBSCRIPTIONS}/{identifier}")
    stage.stripe.lists[SUBSCRIPTIONS] = listed
    for status in ("canceled", "paused", "pending"):
        stage.stripe.lists[f"{SUBSCRIPTIONS}?servicing_status={status}"] = []
    await stage.work()


def subscriptions(stage: Stage) -> dict[str, object]:
    """The statuses of what is mirrored of them, by id."""
    return {
        str(item["id"]): item.get("status")
        for name, item in stage.mirror.objects.items()
        if name.startswith("test#rcds_") and item.get("deleted") is not True
    }


async def test_a_subscription_that_a_page_skips_is_not_buried(stage: Stage) -> None:
    """One before it leaves the list, so that all others move up by one."""
    await subscribed(stage, "rcds_1", "rcds_2", "rcds_3", "rcds_4")

    async def cancel() -> None:
        canceled = stage.stripe.lists[SUBSCRIPTIONS].pop(0) | {"servicing_status": "canceled"}
        stage.stripe.objects[f"{SUBSCRIPTIONS}/rcds_1"] = canceled
        stage.stripe.lists[f"{SUBSCRIPTIONS}?servicing_status=canceled"] = [canceled]

    stage.between(cancel)
    run = await stage.reconcile("v2.billing.rate_card_subscription")
    assert run.complete
    assert any("canceled" in path for path in stage.stripe.paths)
    expected = {"rcds_1": "canceled", "rcds_2": "active", "rcds_3": "active", "rcds_4": "active"}
    assert subscriptions(stage) == expected


async def test_a_subscription_that_two_pages_show_is_one(stage: Stage) -> None:
    """A new one moves all others down by one."""
    await subscribed(stage, "rcds_1", "rcds_2", "rcds_3")

    async def subscribe() -> None:
        body = subscription("rcds_new", created="2020-01-01T00:00:00.000Z")
        stage.stripe.objects[f"{SUBSCRIPTIONS}/rcds_new"] = body
        stage.stripe.lists[SUBSCRIPTIONS].insert(0, body)

    stage.between(subscribe)
    await stage.reconcile("v2.billing.rate_card_subscription")
    await stage.reconcile("v2.billing.rate_card_subscription")
    assert subscriptions(stage) == dict.fromkeys(("rcds_1", "rcds_2", "rcds_3", "rcds_new"), "active")
