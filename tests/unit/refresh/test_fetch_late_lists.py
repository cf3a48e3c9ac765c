"""A list inside an object that Stripe cuts short is read on its own, and may be older than the object."""

import pytest

from billing_mirror.core.json_body import Json, JsonObject
from tests.doubles.samples import event
from tests.unit.harness import House

SUBSCRIPTION = "/v1/subscriptions/sub_1"
WHOLE = "/v1/subscription_items?subscription=sub_1&expand%5B0%5D=data.discounts"


def bill(house: House, quantities: list[int], *, status: str = "active", listed: list[int] | None = None) -> None:
    """Stripe's side: a subscription that shows its first item only, and the list, which may show other quantities."""
    house.stripe.objects[SUBSCRIPTION] = {
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
    house.stripe.objects[f"{WHOLE}&limit=100"] = house.stripe.objects[WHOLE.replace("?", "?limit=100&", 1)] = {
        "object": "list",
        "data": [item(number, quantity) for number, quantity in enumerate(shown)],
        "has_more": False,
    }


def item(number: int, quantity: int) -> JsonObject:
    return {"id": f"si_{number}", "object": "subscription_item", "quantity": quantity}


def told(house: House, word: str = "updated") -> str:
    body = house.stripe.objects[SUBSCRIPTION]
    return event(f"v1.customer.subscription.{word}", body, url=SUBSCRIPTION, at=house.clock.now())


def quantities(house: House) -> list[Json]:
    data = house.item("sub_1")["data"]
    assert isinstance(data, dict)
    assert isinstance(data["items"], dict)
    assert isinstance(data["items"]["data"], list)
    return [one["quantity"] for one in data["items"]["data"] if isinstance(one, dict)]


@pytest.mark.parametrize("status", ["active", "past_due"], ids=["only what is cut off changes", "the object changes"])
async def test_a_list_that_was_behind_is_read_once_more(house: House, status: str) -> None:
    bill(house, [1, 1])
    await house.deliver(told(house))
    house.clock.advance(1000)
    await house.work()
    bill(house, [1, 2], status=status, listed=[1, 1])
    await house.deliver(told(house))
    assert quantities(house) == [1, 1]
    bill(house, [1, 2], status=status)
    house.clock.advance(61)
    await house.work()
    assert quantities(house) == [1, 2]


async def test_a_list_is_not_read_again_and_again(house: House) -> None:
    bill(house, [1, 1])
    await house.deliver(told(house))
    for _ in range(3):
        house.clock.advance(61)
        await house.work()
    assert house.stripe.paths.count(SUBSCRIPTION) == 2
    assert house.queue.waiting == []
