"""A dry run tells what it would do, and does nothing of it."""

from copy import deepcopy

import pytest

from billing_mirror.core.run import Job, Status
from billing_mirror.core.schedule import EVENTS
from billing_mirror.flows.dry import dry
from billing_mirror.flows.tick import Report, asked

from .conftest import House
from .scenes import ROW, drifted, empty, thin, with_lost_events


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


@pytest.mark.parametrize("job", [Job.OBJECTS, Job.BACKFILL])
async def test_does_not_begin_while_somebody_is_at_work(job: Job) -> None:
    house = await drifted()
    assert await house.journal.lease(house.watch.scope, "another", now=house.clock.now(), until=house.clock.now() + 9)
    report = await asked([(ROW.name, job)], dry(house.watch), deadline=house.clock.now() + 100)
    assert (report.leased, report.worked) == (False, [])
