"""A dry run reports what a run would do, and changes nothing."""

from copy import deepcopy

import pytest

from billing_mirror.core.catalog import USAGE
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import RECOVER
from billing_mirror.reconcile.jobs.dry_run import dry_run_dependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.worked_run import DRY_RUN_OUT_OF_TIME
from billing_mirror.reconcile.tick import reconcile, run_on_demand
from billing_mirror.reconcile.usage.pairs import UsagePair, pairs_after, store_pair
from tests.unit.harness import Harness

from ..scenarios import OBJECT_TYPE, drifted, empty, thin, used, with_lost_events


async def dry_run(harness: Harness, name: str, job: Job) -> TickReport:
    """A dry run, after which nothing may have changed."""
    before = deepcopy(
        [harness.mirror.objects, harness.mirror.counters, harness.state_store.partitions, harness.queue.waiting]
    )
    report = await run_on_demand(
        RunRequest(((name, job),)),
        dry_run_dependencies(harness.reconcile_dependencies),
        deadline=harness.clock.now() + 100,
    )
    after = [harness.mirror.objects, harness.mirror.counters, harness.state_store.partitions, harness.queue.waiting]
    assert after == before
    assert harness.state_store.leases == {}
    return report


async def test_reports_the_differences_and_repairs_none() -> None:
    harness = await drifted()
    [worked] = (await dry_run(harness, OBJECT_TYPE.name, Job.VERIFY)).worked
    reported = worked.run.counts
    real = (await harness.run_now(OBJECT_TYPE)).counts
    assert worked.run.status is Status.COMPLETE
    assert (reported.compared, reported.equal, reported.false_alarms) == (real.compared, real.equal, real.false_alarms)
    assert (reported.missing, reported.different, reported.not_listed) == (
        real.missing,
        real.different,
        real.not_listed,
    )
    assert real.repaired, "the dry run has left the repairs to the real run"


async def test_reports_what_a_backfill_would_insert() -> None:
    [worked] = (await dry_run(await empty(), OBJECT_TYPE.name, Job.BACKFILL)).worked
    assert (worked.run.complete, worked.run.counts.inserted) == (True, 6)


async def test_reports_which_events_were_lost() -> None:
    harness = await with_lost_events()
    harness.stripe.lists = {}
    now = harness.clock.now()
    harness.stripe.events = [thin("rcds_0", now - 3600, "evt_1"), thin("rcds_1", now - 3600, "evt_2")]
    [worked] = (await dry_run(harness, RECOVER, Job.RECOVER)).worked
    assert (worked.run.complete, worked.run.counts.queued, worked.run.counts.equal) == (True, 1, 1)


async def test_requests_the_usage_that_a_real_run_would_request() -> None:
    """Also of subscriptions that have ended: only the real state store knows their pairs."""
    harness = await used()
    harness.stripe.requests.clear()
    [worked] = (await dry_run(harness, USAGE.name, Job.USAGE)).worked
    reported = [*harness.stripe.requests]
    harness.stripe.requests.clear()
    real = await execute_job(
        await start_run(USAGE.name, Job.USAGE, None, harness.reconcile_dependencies),
        harness.reconcile_dependencies,
        until=harness.clock.now() + 100,
    )
    assert reported == harness.stripe.requests
    assert {request.query["customer"] for request in reported} == {"cus_1", "cus_2", "cus_ended"}
    assert (worked.run.complete, worked.run.counts.written) == (True, real.counts.written)


async def test_sweeps_stored_pairs_and_its_own_in_one_order() -> None:
    harness = Harness()
    now = int(harness.clock.now())
    run = Run(USAGE.name, Job.USAGE, started_at=now)
    real, tried = (
        ActiveRun(run, harness.reconcile_dependencies),
        ActiveRun(run, dry_run_dependencies(harness.reconcile_dependencies)),
    )
    for active, customer, until in (
        (real, "cus_1", now + 1),
        (real, "cus_2", now + 1),
        (real, "cus_4", now + 1),
        (tried, "cus_1", now + 2),
        (tried, "cus_2", now + 2),
        (tried, "cus_3", now + 2),
    ):
        await store_pair(UsagePair("mtr_1", customer, until), active)
    found = [pair async for pair in pairs_after("mtr_1/cus_1", tried)]
    assert [(pair.customer, pair.until - now) for pair in found] == [("cus_2", 2), ("cus_3", 2), ("cus_4", 1)]


@pytest.mark.parametrize("job", [Job.VERIFY, Job.BACKFILL])
async def test_does_not_start_while_another_invocation_runs(job: Job) -> None:
    harness = await drifted()
    assert await harness.state_store.lease(
        harness.reconcile_dependencies.scope, "another", now=harness.clock.now(), until=harness.clock.now() + 9
    )
    report = await run_on_demand(
        RunRequest(((OBJECT_TYPE.name, job),)),
        dry_run_dependencies(harness.reconcile_dependencies),
        deadline=harness.clock.now() + 100,
    )
    assert (report.leased, report.worked) == (False, [])


async def test_a_dry_run_that_is_out_of_time_says_that_no_tick_continues_it() -> None:
    harness = await drifted()
    request = RunRequest(((OBJECT_TYPE.name, Job.VERIFY),), dry_run=True)
    report = await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now())
    assert isinstance(report, TickReport)
    [worked] = report.worked
    assert (worked.run.status, worked.reason) == (Status.RUNNING, DRY_RUN_OUT_OF_TIME)
    shown = {**worked.columns(), "reason": DRY_RUN_OUT_OF_TIME, "differences": []}
    assert report.answer() == {"result": "running", "runs": {OBJECT_TYPE.name: shown}}
