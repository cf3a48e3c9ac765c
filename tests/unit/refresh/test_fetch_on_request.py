"""Fetching an object with the fields that only a second request can name."""

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import NotFound, TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation
from billing_mirror.refresh.fetch import MAX_READINGS, fetch
from tests.doubles.clock import ManualClock
from tests.doubles.stripe import MemoryStripe

PRICE = "/v1/prices/price_1"
EUR, JPY = "currency_options.eur.tiers", "currency_options.jpy.tiers"


def price(*currencies: str, tiered: bool = True, **shown: int) -> JsonObject:
    """A price with these currencies; of those in ``shown``, with the tier's amount."""
    options: JsonObject = {name: {"unit_amount": None} for name in currencies}
    options |= {name: {"unit_amount": None, "tiers": [{"unit_amount": shown[name]}]} for name in shown}
    tiers: list[json_body.Json] = [{"unit_amount": 1}] if tiered else []
    return {"id": "price_1", "object": "price", "livemode": False, "tiers": tiers, "currency_options": options}


async def fetched(stripe: MemoryStripe) -> Observation:
    return await fetch(ref_to(Scope(livemode=False), "price", "price_1"), stripe, ManualClock(1_700_000_000), event="e")


async def test_an_object_that_has_such_fields_is_requested_with_them() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur", "jpy")}, on_request={PRICE: {EUR: price(eur=4, jpy=9)}})
    seen = await fetched(stripe)
    assert (seen.body, seen.digest) == (price(eur=4, jpy=9), json_body.digest(price(eur=4, jpy=9)))
    assert (seen.request_id, seen.fetched_at) == ("req_2", 1_700_000_000), "the time is that of the first request"
    first = TYPES["price"].include
    assert [(one.include, one.event) for one in stripe.requests] == [(first, "e"), ((*first, EUR, JPY), "e")]


@pytest.mark.parametrize("body", [price("eur", "jpy", tiered=False), price(), price(eur=4)])
async def test_an_object_without_such_fields_is_requested_once(body: JsonObject) -> None:
    stripe = MemoryStripe(objects={PRICE: body})
    assert ((await fetched(stripe)).body, len(stripe.requests)) == (body, 1)


async def test_what_stripe_does_not_show_on_request_either_is_left_out() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur")})
    assert ((await fetched(stripe)).body, len(stripe.requests)) == (price("eur"), 2)


async def test_a_currency_that_comes_in_between_is_requested_too() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur")})
    stripe.on_request[PRICE] = {JPY: price(eur=4, jpy=9), EUR: price("jpy", eur=4)}
    assert ((await fetched(stripe)).body, len(stripe.requests)) == (price(eur=4, jpy=9), 3)


async def test_a_currency_that_goes_in_between_is_not_waited_for() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur", "jpy")}, on_request={PRICE: {EUR: price(eur=4)}})
    assert ((await fetched(stripe)).body, len(stripe.requests)) == (price(eur=4), 2)


async def test_an_object_that_shows_another_field_each_time_is_fetched_later() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur")})

    async def change(path: str) -> None:
        stripe.objects[path] = price(f"c{len(stripe.requests)}")

    stripe.before_answer = change
    with pytest.raises(TransientError, match="each answer shows price_1 with other fields"):
        await fetched(stripe)
    assert len(stripe.requests) == MAX_READINGS


async def test_an_object_that_is_removed_in_between_is_not_found() -> None:
    stripe = MemoryStripe(objects={PRICE: price("eur")})

    async def remove(path: str) -> None:
        stripe.objects.pop(path, None)
        stripe.failures = [NotFound("nothing there")]

    stripe.before_answer = remove
    assert (await fetched(stripe)).body is None


async def test_the_second_answer_must_be_of_the_same_object() -> None:
    other: JsonObject = {**price(eur=4), "id": "price_2"}
    stripe = MemoryStripe(objects={PRICE: price("eur")}, on_request={PRICE: {EUR: other}})
    with pytest.raises(TransientError, match="another object"):
        await fetched(stripe)
