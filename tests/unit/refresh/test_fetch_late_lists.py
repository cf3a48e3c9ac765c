"""A list inside an object that Stripe cuts short is read on its own, and may be older than the object."""

import pytest

from billing_mirror.core.json_body import Json, JsonObject
from tests.doubles.samples import event
from tests.unit.harness import Harness

SUBSCRIPTION = "/v1/subscriptions/sub_1"
WHOLE = "/v1/subscription_items?subscription=sub_1&expand%5B0%5D=data.discounts"


def bill(harness: Harness, quantities: list[int], *, status: str = "active", listed: list[int] | None = None) -> None:
    """Stripe's side: a subscription that shows its first item only, and the list, which may show other quantities."""
    harness.stripe.objects[SUBSCRIPTION] = {
        "id": "sub_1",
        "object": "subscription",
        "created": 1_600_000_000,
        "livemode": False,
        "customer": "cus_1",
        "status": status,
        "items": {
            "object": "list",
            "data": [item(0, quantities[0])],
            "has_more": True,
            "url": "/v1/subscription_items",
        },
    }
    shown = quantities if listed is None else listed
    harness.stripe.objects[f"{WHOLE}&limit=100"] = harness.stripe.objects[WHOLE.replace("?", "?limit=100&", 1)] = {
        "object": "list",
        "data": [item(number, quantity) for number, quantity in enumerate(shown)],
        "has_more": False,
    }


def item(number: int, quantity: int) -> JsonObject:
    return {"id": f"si_{number}", "object": "subscription_item", "quantity": quantity}


def invoice_event(harness: Harness, word: str = "updated") -> str:
    body = harness.stripe.objects[SUBSCRIPTION]
    return event(f"v1.customer.subscription.{word}", body, url=SUBSCRIPTION, at=harness.clock.now())


def quantities(harness: Harness) -> list[Json]:
    data = harness.item("sub_1")["data"]
    assert isinstance(data, dict)
    assert isinstance(data["items"], dict)
    assert isinstance(data["items"]["data"], list)
    return [one["quantity"] for one in data["items"]["data"] if isinstance(one, dict)]


@pytest.mark.parametrize("status", ["active", "past_due"], ids=["only what is cut off changes", "the object changes"])
async def test_a_list_that_was_behind_is_read_once_more(harness: Harness, status: str) -> None:
    bill(harness, [1, 1])
    await harness.deliver(invoice_event(harness))
    harness.clock.advance(1000)
    await harness.work()
    bill(harness, [1, 2], status=status, listed=[1, 1])
    await harness.deliver(invoice_event(harness))
    assert quantities(harness) == [1, 1]
    bill(harness, [1, 2], status=status)
    harness.clock.advance(61)
    await harness.work()
    assert quantities(harness) == [1, 2]


async def test_a_list_is_not_read_again_and_again(harness: Harness) -> None:
    bill(harness, [1, 1])
    await harness.deliver(invoice_event(harness))
    for _ in range(3):
        harness.clock.advance(61)
        await harness.work()
    reads = [request.path for request in harness.stripe.requests]
    assert reads == [SUBSCRIPTION, "/v1/subscription_items", "/v1/subscription_items"]
    assert harness.queue.waiting == []
