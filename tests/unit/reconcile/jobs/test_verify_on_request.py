"""Verify objects that have fields which no list shows: each is fetched, and a fetch decides."""

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Resolution, Run
from tests.unit.harness import Harness

from ..both_sides import mirror, run_now, shown_on_request, thing

EUR = "currency_options.eur.tiers"
PRICES = f"/v1/prices?{shown_on_request('price')}"


def price(identifier: str = "price_1", *, tiered: bool = True, **options: json_body.Json) -> JsonObject:
    tiers: list[json_body.Json] = [{"unit_amount": 1}] if tiered else []
    return thing("price", identifier, active=True, tiers=tiers, currency_options=dict(options))


LISTED = price(eur={"unit_amount": None})
WHOLE = price(eur={"unit_amount": None, "tiers": [{"unit_amount": 4}]})
CHANGED = price(eur={"unit_amount": None, "tiers": [{"unit_amount": 5}]})


async def verified(harness: Harness, *listed: JsonObject, at_stripe: JsonObject = WHOLE) -> Run:
    """A verify run over prices whose list leaves out what ``at_stripe`` shows on request."""
    harness.stripe.objects["/v1/prices/price_1"] = LISTED
    harness.stripe.on_request["/v1/prices/price_1"] = {EUR: at_stripe}
    harness.stripe.lists = {PRICES: [*listed], f"{PRICES}&active=false": []}
    return await run_now(harness, "price")


async def test_an_object_that_is_equal_in_them_is_no_drift(harness: Harness) -> None:
    await mirror(harness, WHOLE)
    run = await verified(harness, LISTED)
    assert await harness.drifts(run) == []
    assert (run.counts.compared, run.counts.equal, run.counts.refreshed, run.counts.false_alarms) == (1, 0, 1, 0)


async def test_an_object_that_differs_in_nothing_else_is_repaired(harness: Harness) -> None:
    await mirror(harness, WHOLE)
    run = await verified(harness, LISTED, at_stripe=CHANGED)
    [drift] = await harness.drifts(run)
    assert (drift.difference, drift.resolution, drift.fields) == (
        Difference.PARTLY_LISTED,
        Resolution.REPAIRED,
        ("currency_options",),
    )
    assert harness.item("price/price_1")["data"] == CHANGED
    assert (run.counts.different, run.counts.repaired) == (1, 1)
    assert await harness.drifts(await verified(harness, LISTED, at_stripe=CHANGED)) == []


async def test_an_object_that_was_stored_without_them_is_repaired_although_its_list_entry_is_equal(
    harness: Harness,
) -> None:
    await mirror(harness, LISTED)
    run = await verified(harness, LISTED)
    assert [drift.resolution for drift in await harness.drifts(run)] == [Resolution.REPAIRED]
    assert harness.item("price/price_1")["data"] == WHOLE


async def test_only_objects_that_have_them_are_fetched(harness: Harness) -> None:
    plain, flat = price("price_2"), price("price_3", tiered=False, eur={"unit_amount": 7})
    for body in (WHOLE, plain, flat):
        await mirror(harness, body)
    run = await verified(harness, LISTED, plain, flat)
    assert (run.counts.equal, run.counts.refreshed) == (2, 1)
    fetched = [one.path for one in harness.stripe.requests if one.path != "/v1/prices"]
    assert fetched == ["/v1/prices/price_1"] * 2, "the first answer names the currencies"


async def test_an_object_that_cannot_be_fetched_is_unresolved_and_not_equal(harness: Harness) -> None:
    await mirror(harness, WHOLE)

    async def lose(path: str) -> None:
        if path == "/v1/prices/price_1":
            raise TimeoutError

    harness.stripe.before_answer = lose
    run = await verified(harness, LISTED)
    [drift] = await harness.drifts(run)
    assert isinstance(drift, Drift)
    assert (drift.difference, drift.resolution, run.counts.equal) == (
        Difference.PARTLY_LISTED,
        Resolution.UNRESOLVED,
        0,
    )
