"""A type that fails at every tick does not do so in silence."""

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import PermissionDenied, TransientError, Unauthorized
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, RECOVER
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.lifecycle import MAX_FAILURES
from tests.unit.harness import Harness

from .both_sides import mirror, thing
from .ticks import ticked

METERS = TYPES["billing.meter"]
FIRST = "/v1/billing/meters?limit=100"
SECOND = "/v1/billing/meters?limit=100&starting_after=mtr_0"


def page(*entries: JsonObject | None, **fields: object) -> JsonObject:
    return {"object": "list", "data": [*entries], **fields}  # type: ignore[dict-item]


UNREADABLE = {
    "a null entry": page(thing("billing.meter", "mtr_1"), None, has_more=False),
    "no word of more": page(thing("billing.meter", "mtr_1")),
    "no list": {"object": "list", "has_more": False},
    "a last object without an id": page({"object": "billing.meter"}, has_more=True),
}


async def worked(harness: Harness, ticks: int) -> Run:
    for _ in range(ticks):
        run = await harness.run_now(METERS)
        harness.clock.advance(300)
    return run


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_page_fails_the_run_in_the_end(harness: Harness, body: JsonObject) -> None:
    harness.stripe.objects[FIRST] = body
    before = await worked(harness, MAX_FAILURES - 1)
    assert (before.status, before.failures) == (Status.RUNNING, MAX_FAILURES - 1)
    run = await worked(harness, 1)
    assert (run.status, run.failures) == (Status.FAILED, MAX_FAILURES)
    assert "Stripe answered a list request" in run.reason or "does not say after which one" in run.reason


async def test_a_page_that_is_unreadable_after_others_fails_the_run_as_well(harness: Harness) -> None:
    first = thing("billing.meter", "mtr_0", status="active")
    await mirror(harness, first)
    harness.stripe.objects[FIRST] = page(first, has_more=True)
    harness.stripe.objects[SECOND] = page(None, has_more=False)
    run = await worked(harness, MAX_FAILURES)
    assert (run.status, run.counts.pages) == (Status.FAILED, 1)


async def test_a_run_that_gets_further_at_each_tick_may_meet_errors_for_ever(harness: Harness) -> None:
    harness.stripe.page_size = 1
    bodies = [thing("billing.meter", f"mtr_{number}", status="active") for number in range(MAX_FAILURES + 10)]
    for body in bodies:
        await mirror(harness, body)
    harness.stripe.lists["/v1/billing/meters"] = bodies
    failing: list[str] = []

    async def fail_at_every_second_page(path: str) -> None:
        after = path.partition("starting_after=")[2]
        if after.endswith(("1", "3", "5", "7", "9")) and failing.count(after) < 5:
            failing.append(after)
            raise TransientError("Stripe answered 500")

    harness.stripe.before_answer = fail_at_every_second_page
    run = await worked(harness, 1)
    statuses = {run.status}
    while run.status is Status.RUNNING:
        assert run.failures == 1
        run = await worked(harness, 1)
        statuses.add(run.status)
    assert statuses == {Status.RUNNING, Status.COMPLETE}


async def test_a_key_that_is_not_accepted_ends_no_run(harness: Harness) -> None:
    """As soon as it is corrected, the run continues where it stopped."""
    harness.stripe.failures = [Unauthorized("Stripe answered 401") for _ in range(MAX_FAILURES + 5)]
    assert (await worked(harness, MAX_FAILURES + 5)).status is Status.RUNNING
    harness.stripe.lists["/v1/billing/meters"] = []
    assert (await worked(harness, 1)).complete


async def test_an_empty_page_that_claims_more_is_the_end_of_its_list(harness: Harness) -> None:
    first = thing("billing.meter", "mtr_0", status="active")
    await mirror(harness, first)
    harness.stripe.objects[FIRST] = page(first, has_more=True)
    harness.stripe.objects[SECOND] = page(has_more=True)
    run = await worked(harness, 1)
    assert (run.complete, run.counts.pages, run.counts.compared) == (True, 2, 1)


NOW = 1_700_000_000.0


def reported(*runs: Run, on_demand: bool = False) -> dict[Metric, float]:
    intervals = {METERS.name: 7 * DAY, "tax_rate": HOUR}
    report = TickReport(last={run.type: run for run in runs}, intervals=intervals, on_demand=on_demand)
    return {**dict(report.counts()), **dict(report.seconds(NOW))}


def ended(name: str, status: Status, *, before: float = 0.0, failures: int = 0) -> Run:
    at = NOW - before
    finished = 0.0 if status is Status.RUNNING else at
    return Run(name, Job.VERIFY, at, updated_at=at, finished_at=finished, status=status, failures=failures)


def test_types_that_fail_are_counted() -> None:
    runs = [
        ended(METERS.name, Status.FAILED),
        ended("tax_rate", Status.RUNNING, failures=1),
        ended("customer", Status.RUNNING),
        ended("coupon", Status.COMPLETE),
        ended("product", Status.UNAVAILABLE, failures=1),
        ended("price", Status.UNAUTHORIZED, failures=3),
        ended(RECOVER, Status.FAILED),
    ]
    assert reported(*runs)[Metric.FAILING_TYPES] == 3
    assert reported()[Metric.FAILING_TYPES] == 0


def test_the_type_that_is_most_overdue_is_reported_by_its_own_interval() -> None:
    fresh, late = ended(METERS.name, Status.COMPLETE, before=6 * DAY), ended("tax_rate", Status.FAILED, before=3 * HOUR)
    assert reported(fresh, late)[Metric.VERIFY_OVERDUE] == 2 * HOUR
    assert reported(fresh)[Metric.VERIFY_OVERDUE] == 0
    assert reported(ended("tax_rate", Status.UNAVAILABLE, before=3 * DAY))[Metric.VERIFY_OVERDUE] == 0


def test_a_request_for_one_type_knows_nothing_of_the_others() -> None:
    assert not {Metric.FAILING_TYPES, Metric.VERIFY_OVERDUE} & reported(on_demand=True).keys()


async def test_a_tick_reports_what_fails(harness: Harness) -> None:
    harness.stripe.failures = [PermissionDenied("Stripe answered 403")]
    report = await ticked(harness)
    metrics = {**dict(report.counts()), **dict(report.seconds(harness.clock.now()))}
    assert metrics[Metric.VERIFY_OVERDUE] == 0
    assert report.intervals[METERS.name] == 7 * DAY
    assert metrics[Metric.FAILING_TYPES] == sum(run.status is Status.FAILED for run in report.last.values())
