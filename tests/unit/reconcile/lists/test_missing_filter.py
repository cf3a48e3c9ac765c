"""A list that wants a filter which the mirror does not send: it fails loudly once, and is tried once a day."""

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import RequestRefused
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, Schedule
from billing_mirror.reconcile.report import LOUD_FOR
from tests.unit.harness import Harness

from ..ticks import ticked

RATES = TYPES["tax_rate"]
LIST = "/v1/tax_rates"
REASON = "Stripe answered 400 parameter_missing about customer"


@pytest.fixture
def harness() -> Harness:
    """An hourly schedule: a day is the longer interval."""
    made = Harness(schedule=Schedule(object_types=(RATES,), catalog=HOUR, configuration=HOUR, activity=HOUR))
    made.stripe.lists[LIST] = []

    async def refuse(path: str) -> None:
        if path.startswith(LIST):
            raise RequestRefused(REASON, code="parameter_missing", param="customer")

    made.stripe.before_answer = refuse
    return made


async def hours(harness: Harness, count: int) -> list[tuple[float, bool]]:
    """Of hourly ticks: the failing types, and whether the list was tried."""
    found = []
    for _ in range(count):
        harness.stripe.requests.clear()
        report = await ticked(harness)
        tried = any(path.startswith(LIST) for path in harness.stripe.paths)
        found.append((dict(report.counts())[Metric.FAILING_TYPES], tried))
        harness.clock.advance(HOUR)
    return found


async def last(harness: Harness) -> Run:
    return (await ticked(harness)).last[RATES.name]


async def test_it_is_tried_once_a_day_and_rings_the_first_time_only(harness: Harness) -> None:
    seen = await hours(harness, 24 * 3)
    assert [hour for hour, (_, tried) in enumerate(seen) if tried] == [0, 24, 48]
    assert [hour for hour, (failing, _) in enumerate(seen) if failing] == [*range(int(LOUD_FOR // HOUR))]
    run = await last(harness)
    assert (run.status, run.reason) == (Status.FAILED, REASON)


def test_the_alarm_has_time_to_ring() -> None:
    """It reacts to two whole hours in which every tick reports a failing type, and the first hour is cut."""
    assert LOUD_FOR >= 3 * HOUR


async def test_its_type_is_not_overdue(harness: Harness) -> None:
    await hours(harness, 24 * 3)
    report = await ticked(harness)
    assert dict(report.seconds(harness.clock.now()))[Metric.VERIFY_OVERDUE] == 0


async def test_another_refusal_is_tried_and_reported_hourly_as_ever(harness: Harness) -> None:
    await hours(harness, 2)

    async def refuse(path: str) -> None:
        if path.startswith(LIST):
            raise RequestRefused("Stripe answered 400", code="parameter_invalid")

    harness.stripe.before_answer = refuse
    harness.clock.advance(DAY)
    assert await hours(harness, 5) == [(1, True)] * 5


async def test_it_rings_again_after_a_run_that_could_read_the_list(harness: Harness) -> None:
    await hours(harness, int(LOUD_FOR // HOUR) + 1)
    refuse, harness.stripe.before_answer = harness.stripe.before_answer, None
    harness.clock.advance(DAY)
    assert await hours(harness, 1) == [(0, True)]
    harness.stripe.before_answer = refuse
    assert await hours(harness, 4) == [(1, True), (1, False), (1, False), (0, False)]


def test_a_record_keeps_since_when() -> None:
    run = Run("tax_rate", Job.VERIFY, 1.0, updated_at=1.0, wants_filter_since=5.0)
    assert Run.from_item(run.to_item()).wants_filter_since == 5.0
