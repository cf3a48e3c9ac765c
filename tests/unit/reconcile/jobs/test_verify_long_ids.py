"""Objects whose ids are too long for the table's keys: indexes hold digests, and the walk finds the ids."""

from urllib.parse import quote

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution
from tests.unit.harness import Harness

COUPON = catalog.TYPES["coupon"]
IDS = ["é" * 5000, "x" * 901, "a/../b" * 300]


def coupon(identifier: str, **fields: str) -> JsonObject:
    return {"id": identifier, "object": "coupon", "created": 1_600_000_000, "livemode": False, **fields}


def stock(harness: Harness, *bodies: JsonObject) -> None:
    query = "&".join(f"expand%5B{number}%5D=data.{name}" for number, name in enumerate(COUPON.include))
    harness.stripe.objects = {f"/v1/coupons/{quote(str(body['id']), safe='')}": body for body in bodies}
    harness.stripe.lists = {f"/v1/coupons?{query}": [*bodies]}


@pytest.fixture
async def filled(harness: Harness) -> Harness:
    """Both sides have the coupons, and one with a short id."""
    stock(harness, *map(coupon, (*IDS, "gold")))
    run = await harness.run_now(COUPON, job=Job.BACKFILL)
    assert (run.complete, run.counts.compared) == (True, len(IDS) + 1)
    harness.clock.advance(10)
    return harness


async def test_both_sides_are_equal(filled: Harness) -> None:
    filled.stripe.requests.clear()
    run = await filled.run_now(COUPON)
    assert (run.complete, run.counts.equal, await filled.drifts(run)) == (True, len(IDS) + 1, [])
    assert len(filled.stripe.requests) == 1


async def test_a_change_is_repaired(filled: Harness) -> None:
    stock(filled, *(coupon(identifier, name="new") for identifier in (*IDS, "gold")))
    run = await filled.run_now(COUPON)
    assert (run.complete, run.counts.repaired) == (True, len(IDS) + 1)
    assert {drift.id for drift in await filled.drifts(run)} == {*IDS, "gold"}


async def test_an_object_that_stripe_no_longer_lists_becomes_a_tombstone(filled: Harness) -> None:
    stock(filled, *map(coupon, (*IDS[1:], "gold")))
    run = await filled.run_now(COUPON)
    assert await filled.drifts(run) == [Drift(IDS[0], Difference.NOT_LISTED, Resolution.REPAIRED)]
    key = ref_to(filled.reconcile_dependencies.scope, "coupon", IDS[0]).key
    assert filled.mirror.objects[key]["deleted"] is True
