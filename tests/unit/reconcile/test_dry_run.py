"""A dry run tells what it would do, and does nothing of it."""

from copy import deepcopy

import pytest

from billing_mirror.core.catalog import USAGE
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.schedule import EVENTS
from billing_mirror.reconcile.dry_run import dry
from billing_mirror.reconcile.runs.active_run import Round
from billing_mirror.reconcile.runs.lifecycle import begun
from billing_mirror.reconcile.tick import Report, asked
from billing_mirror.reconcile.usage.pairs import Pair, keep, pairs_after
from billing_mirror.reconcile.usage.sweep import sweep_usage
from tests.unit.harness import House

from .scenarios import ROW, drifted, empty, thin, used, with_lost_events


async def dry_run(house: House, name: str, job: Job) -> Report:
    """A dry run, after which everything has to be as it was."""
    before = deepcopy([house.mirror.objects, house.mirror.counters, house.journal.books, house.queue.waiting])
    report = await asked([(name, job)], dry(house.watch), deadline=house.clock.now() + 100)
    after = [house.mirror.objects, house.mirror.counters, house.journal.books, house.queue.waiting]
    assert after == before
    assert house.journal.leases == {}
    return report


async def test_tells_the_differences_and_repairs_none() -> None:
    house = await drifted()
    [worked] = (await dry_run(house, ROW.name, Job.OBJECTS)).worked
    told = worked.run.counts
    real = (await house.passed(ROW)).counts
    assert worked.run.status is Status.COMPLETE
    assert (told.compared, told.equal, told.false_alarms) == (real.compared, real.equal, real.false_alarms)
    assert (told.missing, told.different, told.not_listed) == (real.missing, real.different, real.not_listed)
    assert real.repaired, "what the dry run has told was still to be done"


async def test_tells_what_would_be_filled_in() -> None:
    [worked] = (await dry_run(await empty(), ROW.name, Job.BACKFILL)).worked
    assert (worked.run.complete, worked.run.counts.inserted) == (True, 6)


async def test_tells_which_events_were_lost() -> None:
    house = await with_lost_events()
    house.stripe.lists = {}
    now = house.clock.now()
    house.stripe.events = [thin("rcds_0", now - 3600, "evt_1"), thin("rcds_1", now - 3600, "evt_2")]
    [worked] = (await dry_run(house, EVENTS, Job.EVENTS)).worked
    assert (worked.run.complete, worked.run.counts.queued, worked.run.counts.equal) == (True, 1, 1)


async def test_asks_for_the_usage_that_a_real_run_would_ask_for() -> None:
    """Of subscriptions that have ended too: only the real journal knows of them."""
    house = await used()
    house.stripe.asked.clear()
    [worked] = (await dry_run(house, USAGE.name, Job.USAGE)).worked
    told = [*house.stripe.asked]
    house.stripe.asked.clear()
    real = await sweep_usage(
        await begun(USAGE.name, Job.USAGE, None, house.watch), house.watch, until=house.clock.now() + 100
    )
    assert told == house.stripe.asked
    assert {asked.query["customer"] for asked in told} == {"cus_1", "cus_2", "cus_ended"}
    assert (worked.run.complete, worked.run.counts.written) == (True, real.counts.written)


async def test_goes_over_the_pairs_that_are_known_and_those_that_it_would_keep_in_one_order() -> None:
    house = House()
    now = int(house.clock.now())
    run = Run(USAGE.name, Job.USAGE, started_at=now)
    real, tried = Round(run, house.watch), Round(run, dry(house.watch))
    for round_, customer, until in (
        (real, "cus_1", now + 1),
        (real, "cus_2", now + 1),
        (real, "cus_4", now + 1),
        (tried, "cus_1", now + 2),
        (tried, "cus_2", now + 2),
        (tried, "cus_3", now + 2),
    ):
        await keep(Pair("mtr_1", customer, until), round_)
    found = [pair async for pair in pairs_after("mtr_1/cus_1", tried)]
    assert [(pair.customer, pair.until - now) for pair in found] == [("cus_2", 2), ("cus_3", 2), ("cus_4", 1)]


@pytest.mark.parametrize("job", [Job.OBJECTS, Job.BACKFILL])
async def test_does_not_begin_while_somebody_is_at_work(job: Job) -> None:
    house = await drifted()
    assert await house.journal.lease(house.watch.scope, "another", now=house.clock.now(), until=house.clock.now() + 9)
    report = await asked([(ROW.name, job)], dry(house.watch), deadline=house.clock.now() + 100)
    assert (report.leased, report.worked) == (False, [])
