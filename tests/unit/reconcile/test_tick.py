"""What a tick does with its time, on a clock that only jumps."""

import asyncio
from dataclasses import replace

from billing_mirror.core.errors import PermissionDenied, TransientError
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import HOUR, RECOVER
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.lease import LEASE_SECONDS, Lease
from billing_mirror.reconcile.tick import run_on_demand

from .ticks import LONG, METERS, TAX_RATES, metered_harness, on_its_own_time, ran, reported, ticked


def test_the_first_tick_recovers_events_and_backfills_each_type() -> None:
    harness = metered_harness(pages=2)
    report = on_its_own_time(ticked(harness))
    assert reported(report) == [
        (RECOVER, Job.RECOVER, Status.COMPLETE),
        (METERS.name, Job.BACKFILL, Status.COMPLETE),
        (TAX_RATES.name, Job.BACKFILL, Status.COMPLETE),
    ]
    assert report.last.keys() == {RECOVER, METERS.name, TAX_RATES.name}
    assert harness.state_store.leases == {}, "given back"


def test_the_next_tick_has_nothing_to_do_and_reports_the_last_runs() -> None:
    async def two() -> TickReport:
        harness = metered_harness(pages=2)
        await ticked(harness)
        return await ticked(harness)

    report = on_its_own_time(two())
    assert (report.leased, report.worked) == (True, [])
    assert report.last[METERS.name].complete


def test_during_a_long_run_events_are_recovered_every_five_minutes() -> None:
    """And each page is read once: a run resumes where it stopped."""
    harness = metered_harness(pages=60)  # 1200 seconds

    async def two() -> list[TickReport]:
        return [await ticked(harness), await ticked(harness)]

    first, second = on_its_own_time(two())
    assert [name for name, _, _ in reported(first)] == [
        RECOVER,
        METERS.name,
        RECOVER,
        METERS.name,
        RECOVER,
        METERS.name,
    ]
    assert {status for name, _, status in reported(first) if name == METERS.name} == {Status.RUNNING}
    assert second.last[METERS.name].complete
    assert second.last[METERS.name].counts.compared == 60
    assert sum(one.counts.compared for report in (first, second) for one in report.worked) == 60
    paths = [path for path in harness.stripe.paths if path.startswith(LONG)]
    assert len(set(paths)) == 60
    assert len(paths) <= 60 + 5, "the page that the deadline cuts off is read again"


def test_a_tick_ends_by_its_deadline_and_the_next_tick_continues() -> None:
    async def two() -> tuple[float, Run, TickReport]:
        harness = metered_harness(pages=10)
        started = harness.clock.now()
        await ticked(harness, 130)
        spent, left = harness.clock.now() - started, await ran(METERS.name, harness)
        return spent, left, await ticked(harness)

    spent, left, report = on_its_own_time(two())
    assert spent <= 131
    assert (left.status, left.counts.compared, left.failures) == (Status.RUNNING, 6, 0)
    assert report.last[METERS.name].counts.compared == 10


def test_a_page_that_a_deadline_cuts_off_is_counted_once() -> None:
    """The page was read and counted, and one of its objects was being fetched."""
    harness = metered_harness(pages=10)
    harness.stripe.objects = {f"{LONG}/{body['id']}": body for body in harness.stripe.lists[LONG]}

    async def fetch_late(path: str) -> None:
        if path.startswith(f"{LONG}/"):
            await asyncio.sleep(20)

    harness.stripe.before_answer = fetch_late
    requested = RunRequest(((METERS.name, Job.VERIFY),))

    async def three() -> list[TickReport]:
        return [
            await run_on_demand(requested, harness.reconcile_dependencies, deadline=harness.clock.now() + 90)
            for _ in range(3)
        ]

    counts = [report.worked[0].counts for report in on_its_own_time(three())]
    assert [one.compared for one in counts] == [4, 4, 2]
    assert sum(one.repaired for one in counts) == 10


def test_only_one_of_two_ticks_works() -> None:
    harness = metered_harness(pages=10)

    async def both() -> list[TickReport]:
        return list(await asyncio.gather(ticked(harness, owner="one"), ticked(harness, owner="another")))

    reports = on_its_own_time(both())
    assert sorted(report.leased for report in reports) == [False, True]
    assert [report.worked for report in reports if not report.leased] == [[]]
    assert len([path for path in harness.stripe.paths if path.startswith(LONG)]) == 10


def test_the_lease_of_a_dead_invocation_expires() -> None:
    async def later() -> tuple[TickReport, TickReport]:
        harness = metered_harness(pages=1)
        assert await Lease(replace(harness.reconcile_dependencies, owner="who died")).acquire()
        early = await ticked(harness)
        await asyncio.sleep(LEASE_SECONDS)
        return early, await ticked(harness)

    early, late = on_its_own_time(later())
    assert (early.leased, late.leased) == (False, True)


def test_a_type_that_the_key_may_not_read_does_not_stop_the_others() -> None:
    harness = metered_harness()

    async def forbid(path: str) -> None:
        if path.startswith(LONG):
            raise PermissionDenied("the key lacks rak_billing_meter_read")

    harness.stripe.before_answer = forbid

    async def hours() -> tuple[TickReport, TickReport]:
        report = await ticked(harness)
        await asyncio.sleep(3 * HOUR)
        return report, await ticked(harness)

    report, later = on_its_own_time(hours())
    runs = {worked.run.type: worked.run for worked in report.worked}
    assert runs[METERS.name].status is Status.UNAUTHORIZED
    assert "rak_billing_meter_read" in runs[METERS.name].reason
    assert runs[TAX_RATES.name].complete
    assert METERS.name not in {worked.run.type for worked in later.worked}, "once a day"


def test_a_job_that_fails_at_stripe_is_tried_once_in_each_tick() -> None:
    harness = metered_harness(pages=2)

    async def fail(path: str) -> None:
        if path.startswith(LONG):
            raise TransientError("Stripe answered 503")

    harness.stripe.before_answer = fail

    async def two() -> tuple[TickReport, TickReport]:
        report = await ticked(harness)
        harness.stripe.before_answer = None
        return report, await ticked(harness)

    report, later = on_its_own_time(two())
    assert reported(report).count((METERS.name, Job.BACKFILL, Status.RUNNING)) == 1
    assert report.last[METERS.name].failures == 1
    assert (later.last[METERS.name].complete, later.last[METERS.name].failures) == (True, 0)


def test_events_that_cannot_be_listed_do_not_stop_other_jobs() -> None:
    harness = metered_harness(pages=2)

    async def fail(path: str) -> None:
        if path.startswith("/v2/core/events"):
            raise TransientError("Stripe answered 503")

    harness.stripe.before_answer = fail
    report = on_its_own_time(ticked(harness))
    assert [status for _, _, status in reported(report)] == [Status.RUNNING, Status.COMPLETE, Status.COMPLETE]
