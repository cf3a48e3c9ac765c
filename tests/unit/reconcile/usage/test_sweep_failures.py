"""A usage sweep that is refused, fails, never ends or runs out of time."""

import asyncio

import pytest

from billing_mirror.core.catalog import USAGE
from billing_mirror.core.errors import NotFound, PermanentError, PermissionDenied, TransientError
from billing_mirror.core.runs.run import Resolution, Run, Status
from billing_mirror.reconcile.runs.records import last_run
from tests.unit.harness import Harness

from .usages import at, hour, hours, stock, subscribe, swept, used, v1_subscription


@pytest.fixture
async def stocked(harness: Harness) -> Harness:
    return await stock(harness)


@pytest.mark.parametrize(
    ("error", "unresolved"), [(NotFound("no such meter"), []), (PermanentError("Stripe answered 400"), ["mtr_1/cus_1"])]
)
async def test_a_meter_that_stripe_refuses_is_skipped_and_keeps_its_hours(
    harness: Harness, error: Exception, unresolved: list[str]
) -> None:
    await subscribe(harness, v1_subscription("cus_1", "mtr_1", "mtr_2"))
    for meter in ("mtr_1", "mtr_2"):
        used(harness, meter, "cus_1", hour(1))
    await swept(harness)

    async def refuse(path: str) -> None:
        if "mtr_1" in path:
            raise error

    harness.stripe.before_answer = refuse
    used(harness, "mtr_2", "cus_1", hour(1), hour(2))
    run = await swept(harness)
    assert (run.complete, run.counts.written) == (True, 1)
    assert [drift.id for drift in await harness.drifts(run)] == unresolved
    assert "deleted" not in harness.item(at("mtr_1", "cus_1", 1))


async def failing(harness: Harness, error: Exception) -> Run:
    async def fail(_: str) -> None:
        raise error

    harness.stripe.before_answer = fail
    run = await swept(harness)
    assert hours(harness) == {}
    return run


async def test_a_key_that_may_not_read_usage_ends_the_sweep(stocked: Harness) -> None:
    run = await failing(stocked, PermissionDenied("Stripe answered 403"))
    assert (run.status, run.reason) == (Status.UNAUTHORIZED, "Stripe answered 403")


async def test_a_meter_that_keeps_failing_does_not_hold_up_the_others(stocked: Harness) -> None:
    run = await failing(stocked, TransientError("Stripe answered 503"))
    assert run.complete
    assert [(one.reason, one.resolution) for one in await stocked.drifts(run)] == [
        ("Stripe answered 503", Resolution.UNRESOLVED)
    ]


async def test_endless_sums_are_unresolved_and_hold_up_no_other_pair(stocked: Harness) -> None:
    stocked.stripe.page_size = 1
    await subscribe(stocked, v1_subscription("cus_2", "mtr_1"))
    used(stocked, "mtr_1", "cus_1", *({**hour(1), "id": f"mtrusg_{number}"} for number in range(500)))
    used(stocked, "mtr_1", "cus_2", hour(1), hour(2))
    run = await swept(stocked)
    assert run.complete
    assert hours(stocked).keys() == {at("mtr_1", "cus_2", 1), at("mtr_1", "cus_2", 2)}
    [drift] = await stocked.drifts(run)
    assert (drift.resolution, drift.reason) == (Resolution.UNRESOLVED, "the list of hours does not end")


async def test_a_sweep_that_runs_out_of_time_resumes_where_it_stopped(harness: Harness) -> None:
    for number in (1, 2, 3):
        await subscribe(harness, v1_subscription(f"cus_{number}", "mtr_1"))
        used(harness, "mtr_1", f"cus_{number}", hour(1))

    async def dawdle(path: str) -> None:
        if "cus_2" in path:
            await asyncio.sleep(60)

    harness.stripe.before_answer = dawdle
    run = await swept(harness, seconds=0.05)
    assert (run.status, run.reason, run.failures) == (Status.RUNNING, "out of time; the next tick continues", 0)
    assert run.counts.written == 1
    harness.stripe.before_answer = None
    harness.stripe.requests.clear()
    harness.clock.advance(10)
    run = await swept(harness)
    assert (run.complete, run.counts.written) == (True, 3)
    assert [request.query["customer"] for request in harness.stripe.requests] == ["cus_2", "cus_3"]


async def test_every_sweep_leaves_a_record(stocked: Harness) -> None:
    run = await swept(stocked)
    assert await last_run(USAGE.name, stocked.reconcile_dependencies) == run
    assert (run.status, run.counts.pages, run.counts.compared) == (Status.COMPLETE, 1, 2)


async def test_an_unforeseen_error_ends_the_sweep_and_not_the_function(stocked: Harness) -> None:
    stocked.stripe.failures = [ValueError("a customer's secret")]
    run = await swept(stocked)
    assert (run.complete, run.reason) == (False, "unforeseen ValueError")
