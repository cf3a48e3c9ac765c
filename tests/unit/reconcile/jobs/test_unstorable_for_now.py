"""An object that the table refuses, for a reason that may pass: each run tries it once more."""

from dataclasses import dataclass

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Job, Resolution
from billing_mirror.core.runs.schedule import DAY, HOUR, Schedule
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.reconcile.jobs.dry_run import dry_run_dependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from tests.doubles.mirror import MemoryMirror
from tests.doubles.runs import drifts
from tests.doubles.samples import subscription, subscription_event
from tests.unit.harness import Harness

from ..ticks import ticked
from .test_verify import LIST, OBJECT_TYPE, stock

SCOPE = Scope(livemode=False)


@dataclass
class Table:
    """What the table refuses at present."""

    refuses_all: bool = True

    def refuses(self, item: Item) -> bool:
        data = item.get("data")
        return (self.refuses_all and item["type"] == OBJECT_TYPE.name) or (isinstance(data, dict) and "odd" in data)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def harness(table: Table) -> Harness:
    made = Harness(mirror=MemoryMirror(refuses=table.refuses), schedule=Schedule(object_types=(OBJECT_TYPE,)))
    stock(made, subscription("rcds_1"), subscription("rcds_2"))
    return made


def fetched(harness: Harness) -> list[str]:
    return [path for path in harness.stripe.paths if path.startswith(f"{LIST}/")]


def mirrored(harness: Harness) -> list[str]:
    return sorted(key for key, item in harness.mirror.objects.items() if item["type"] == OBJECT_TYPE.name)


async def notes(harness: Harness) -> list[UnstorableNote]:
    return [note async for note in harness.mirror.unstorable(SCOPE)]


@pytest.mark.parametrize("job", [Job.VERIFY, Job.BACKFILL])
async def test_it_is_stored_by_the_next_run_once_the_table_takes_it(harness: Harness, table: Table, job: Job) -> None:
    first = await harness.run_now(OBJECT_TYPE, job=job)
    await harness.work()
    assert (first.complete, mirrored(harness)) == (True, [])
    table.refuses_all = False
    harness.clock.advance(HOUR)
    run = await harness.run_now(OBJECT_TYPE, job=job)
    assert (run.complete, run.counts.repaired, run.counts.unstorable) == (True, 2, 0)
    assert mirrored(harness) == ["test#rcds_1", "test#rcds_2"]
    assert await notes(harness) == []


@pytest.mark.parametrize("job", [Job.VERIFY, Job.BACKFILL])
async def test_each_run_tries_it_once_and_finds_no_drift(harness: Harness, job: Job) -> None:
    # Two lists show both.
    harness.stripe.lists[f"{LIST}?servicing_status=paused"] = [subscription("rcds_1"), subscription("rcds_2")]
    await harness.run_now(OBJECT_TYPE, job=Job.VERIFY)
    for _ in range(3):
        harness.clock.advance(HOUR)
        harness.stripe.requests.clear()
        run = await harness.run_now(OBJECT_TYPE, job=job)
        assert sorted(fetched(harness)) == [f"{LIST}/rcds_1", f"{LIST}/rcds_2"]
        assert {drift.resolution for drift in await harness.drifts(run)} == {Resolution.UNSTORABLE}
        assert (run.counts.found, run.counts.unresolved, run.counts.unstorable) == (0, 0, 2)


async def test_a_try_during_the_run_counts(harness: Harness) -> None:
    await harness.run_now(OBJECT_TYPE)
    harness.clock.advance(HOUR)
    run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, harness.reconcile_dependencies)
    harness.clock.advance(1)
    await harness.deliver(subscription_event(identifier="rcds_1"))
    harness.stripe.requests.clear()
    await execute_job(run, harness.reconcile_dependencies, until=harness.clock.now() + 100)
    assert fetched(harness) == [f"{LIST}/rcds_2"]


async def test_a_dry_run_leaves_it_alone(harness: Harness) -> None:
    """It cannot know whether the table would take the object by now."""
    await harness.run_now(OBJECT_TYPE)
    harness.clock.advance(HOUR)
    dry = dry_run_dependencies(harness.reconcile_dependencies)
    run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, dry)
    run = await execute_job(run, dry, until=harness.clock.now() + 100)
    assert (run.complete, await drifts(run, dry), run.counts.unstorable) == (True, [], 2)


async def test_the_alarm_rings_as_long_as_the_table_refuses_it(harness: Harness, table: Table) -> None:
    async def noticed() -> float:
        return dict((await ticked(harness)).counts()).get(Metric.UNSTORABLE_NOTICED, 0)

    await harness.run_now(OBJECT_TYPE)
    for _ in range(3):
        harness.clock.advance(DAY)
        assert await noticed() == 2
    table.refuses_all = False
    harness.clock.advance(DAY)
    assert await noticed() == 0


def odd(identifier: str = "rcds_1") -> JsonObject:
    return subscription(identifier, odd=True)


async def test_a_note_ends_where_its_objects_counter_was_lost_and_the_object_was_stored_since(
    harness: Harness, table: Table
) -> None:
    table.refuses_all, harness.mirror.for_good = False, True
    stock(harness, odd())
    for _ in range(5):
        harness.clock.advance(100)
        await harness.deliver(subscription_event(identifier="rcds_1"))
    harness.mirror.counters.clear()
    stock(harness, subscription("rcds_1"))
    harness.clock.advance(HOUR)
    [result] = await harness.deliver(subscription_event(identifier="rcds_1"))
    assert result.outcome is Outcome.STORED
    [note] = await notes(harness)
    assert harness.item("rcds_1")["token"] == 1 < note.token
    harness.stripe.requests.clear()
    run = await harness.run_now(OBJECT_TYPE)
    assert (run.counts.unstorable, fetched(harness), await notes(harness)) == (0, [], [])


async def test_a_write_that_preceded_the_noted_fetch_by_any_clock_does_not_end_its_note(
    harness: Harness, table: Table
) -> None:
    """Another container's clock may be ten minutes ahead: its older state stays stale."""
    table.refuses_all, harness.mirror.for_good = False, True
    harness.clock.advance(600)
    await harness.deliver(subscription_event(identifier="rcds_1"))
    harness.clock.advance(-600)
    stock(harness, odd())
    await harness.deliver(subscription_event(identifier="rcds_1"))
    await ticked(harness)
    assert [note.id for note in await notes(harness)] == ["rcds_1"]
