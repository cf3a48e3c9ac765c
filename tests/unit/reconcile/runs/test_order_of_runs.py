"""Runs and their evidence stay in order, whatever a clock or a stale list shows."""

from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution
from billing_mirror.reconcile.runs.evidence import Evidence
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import TIME_RESOLUTION, last_run
from tests.unit.harness import Harness
from tests.unit.reconcile.scenarios import OBJECT_TYPE

NAME = OBJECT_TYPE.name


async def test_a_run_starts_after_the_last_one_although_its_clock_is_behind(harness: Harness) -> None:
    dependencies = harness.reconcile_dependencies
    first = await start_run(NAME, Job.VERIFY, None, dependencies)
    harness.clock.advance(-90)
    second = await start_run(NAME, Job.VERIFY, first, dependencies)
    assert second.started_at == first.started_at + TIME_RESOLUTION
    last = await last_run(NAME, dependencies)
    assert last is not None
    assert last.name == second.name > first.name


async def test_a_false_alarm_does_not_take_back_a_repair(harness: Harness) -> None:
    run = await start_run(NAME, Job.VERIFY, None, harness.reconcile_dependencies)
    evidence = Evidence(run, harness.reconcile_dependencies)
    repaired = Drift("rcds_1", Difference.DIFFERENT, Resolution.REPAIRED)
    await evidence.record(repaired)
    await evidence.record(Drift("rcds_1", Difference.DIFFERENT, Resolution.FALSE_ALARM))
    assert await evidence.find("rcds_1") == repaired


async def test_a_false_alarm_replaces_what_was_unresolved(harness: Harness) -> None:
    run = await start_run(NAME, Job.VERIFY, None, harness.reconcile_dependencies)
    evidence = Evidence(run, harness.reconcile_dependencies)
    await evidence.record(Drift("rcds_1", Difference.DIFFERENT, Resolution.UNRESOLVED))
    false_alarm = Drift("rcds_1", Difference.DIFFERENT, Resolution.FALSE_ALARM)
    await evidence.record(false_alarm)
    assert await evidence.find("rcds_1") == false_alarm
