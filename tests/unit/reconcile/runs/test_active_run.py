"""How a run stores its progress, and what happens when two ticks work on one run."""

from dataclasses import replace

import pytest

from billing_mirror.core.errors import (
    ListUnavailable,
    NotFound,
    PermanentError,
    PermissionDenied,
    RunConflict,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.runs.checkpoints import ListCheckpoint, PagePosition
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run, Status
from billing_mirror.reconcile.runs.active_run import PROGRESS_SECONDS, ActiveRun
from billing_mirror.reconcile.runs.lease import LEASE_SECONDS, Lease
from billing_mirror.reconcile.runs.lifecycle import abandon_run, execute, start_run
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.state_store import ResendingStateStore
from tests.unit.harness import Harness

PAGES = "test#pages:some.type"


def at_page(url: str, filters_shown: tuple[int, ...] = ()) -> ListCheckpoint:
    return ListCheckpoint(page=PagePosition(url), filters_shown=filters_shown)


async def started(harness: Harness) -> ActiveRun:
    return ActiveRun(
        await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies), harness.reconcile_dependencies
    )


async def resumed(harness: Harness, run: Run) -> ActiveRun:
    """The run in another tick."""
    last = await last_run(run.type, harness.reconcile_dependencies)
    assert last is not None
    found = ActiveRun(last, harness.reconcile_dependencies)
    await found.resume()
    return found


class TestAnActiveRun:
    async def test_stores_its_counts_every_few_seconds_for_those_who_watch(self, harness: Harness) -> None:
        run = await started(harness)
        await run.resume()

        async def seen(compared: int) -> int:
            run.record.counts.compared = compared
            await run.save(at_page("/v2/x?page=2"))
            last = await last_run("some.type", harness.reconcile_dependencies)
            assert last is not None
            return last.counts.compared

        assert await seen(100) == 0
        harness.clock.advance(PROGRESS_SECONDS)
        assert await seen(200) == 200
        harness.clock.advance(PROGRESS_SECONDS / 2)
        assert await seen(300) == 200
        harness.clock.advance(PROGRESS_SECONDS / 2)
        assert await seen(400) == 400

    async def test_resumes_at_its_last_checkpoint_with_the_counts_of_that_checkpoint(self, harness: Harness) -> None:
        first = await started(harness)
        await first.resume()
        assert first.checkpoints.latest(ListCheckpoint) == ListCheckpoint()
        first.record.counts.compared = 100
        await first.save(at_page("/v2/x?page=2"))
        first.record.counts.compared = 150
        second = await resumed(harness, first.record)
        assert (second.checkpoints.latest(ListCheckpoint), second.record.counts.compared) == (
            at_page("/v2/x?page=2"),
            100,
        )

    async def test_does_not_resume_at_the_checkpoint_of_another_run(self, harness: Harness) -> None:
        first = await started(harness)
        await first.save(at_page("/v2/x?page=2"))
        harness.clock.advance(1)
        second = await started(harness)
        await second.resume()
        assert (second.checkpoints.latest(ListCheckpoint), second.record.counts.pages) == (ListCheckpoint(), 0)
        assert "a" not in await second.checkpoints.shown_ids()

    async def test_remembers_the_ids_of_all_pages(self, harness: Harness) -> None:
        first = await started(harness)
        await first.save(at_page("2"), ["a", "b"])
        second = await resumed(harness, first.record)
        await second.save(at_page("3"), [f"id{number}" for number in range(45_000)])
        shown = await (await resumed(harness, first.record)).checkpoints.shown_ids()
        assert all(one in shown for one in ("a", "b", "id0", "id20000", "id44999"))
        assert "c" not in shown
        largest = max(len(entry["shown"]) for entry in harness.state_store.partitions[PAGES].values())  # type: ignore[arg-type]
        assert largest < 400_000, "an entry has to fit into an item"

    async def test_recounts_its_drifts_from_the_evidence(self, harness: Harness) -> None:
        first = await started(harness)
        await first.record_drift(Drift("a", Difference.MISSING, Resolution.UNRESOLVED))
        await first.record_drift(Drift("a", Difference.MISSING, Resolution.REPAIRED))
        await first.record_drift(Drift("b", Difference.DIFFERENT, Resolution.FALSE_ALARM))
        assert first.record.counts.found == 2
        await first.recount_drifts()
        counts = first.record.counts
        assert (counts.missing, counts.repaired, counts.unresolved, counts.false_alarms) == (1, 1, 0, 1)

    async def test_finds_its_evidence_by_the_whole_id(self, harness: Harness) -> None:
        one = await started(harness)
        long = "x" * 2000
        for name in ("rcds_10", "rcds_1", long):
            await one.evidence.record(Drift(name, Difference.MISSING, Resolution.REPAIRED))
        for name in ("rcds_10", "rcds_1", long):
            noted = await one.evidence.find(name)
            assert noted is not None
            assert noted.id == name
        assert await one.evidence.find("rcds_") is None
        assert await one.evidence.find("rcds_2") is None


class TestTwoTicksOnOneRun:
    async def test_the_second_tick_to_store_a_page_stops_and_stores_nothing(self, harness: Harness) -> None:
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)

        async def interleaved(late: ActiveRun) -> None:
            await late.save(at_page("2"))
            early = await resumed(harness, run)
            await early.save(at_page("3"), ["a"])
            early.record.counts.compared = 7
            await early.save_record()
            late.record.counts.compared = 99
            await late.save(at_page("other"), ["b"])

        ended = await execute(run, interleaved, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert ended.reason == "another tick works on this run"
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert (kept.counts.compared, kept.status, kept.reason) == (7, Status.RUNNING, "")
        third = await resumed(harness, run)
        assert third.checkpoints.latest(ListCheckpoint) == at_page("3")
        assert "b" not in await third.checkpoints.shown_ids()

    async def test_the_second_tick_does_not_replace_the_record_of_the_first(self, harness: Harness) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        async def interleaved(late: ActiveRun) -> None:
            early = await last_run(late.record.type, harness.reconcile_dependencies)
            assert early is not None
            early.counts.compared = 7
            await execute(early, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
            raise TimeoutError

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, interleaved, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert kept.status is Status.COMPLETE
        assert ended.status is Status.RUNNING, "the second tick does not know that the run has ended"

    async def test_a_run_that_has_ended_meanwhile_cannot_be_abandoned(self, harness: Harness) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        read_before = await last_run("some.type", harness.reconcile_dependencies)
        assert read_before is not None
        ended = await execute(run, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert not await abandon_run(read_before, "another job was requested", harness.reconcile_dependencies)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_an_abandoned_run_stays_abandoned_when_its_tick_ends(self, harness: Harness) -> None:
        async def interleaved(late: ActiveRun) -> None:
            last = await last_run(late.record.type, harness.reconcile_dependencies)
            assert last is not None
            await abandon_run(last, "another job was requested", harness.reconcile_dependencies)

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, interleaved, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert (kept.status, kept.reason) == (Status.FAILED, "another job was requested")
        assert ended.reason == "the record was not stored: another tick has replaced the run's record"
        assert (ended.status, ended.finished_at) == (Status.RUNNING, 0.0)

    async def test_ticks_at_the_same_time_by_the_clock_store_their_records_in_order(self, harness: Harness) -> None:
        async def wait(_: ActiveRun) -> None:
            raise TransientError("Stripe answered 503")

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        for failures in (1, 2, 3):
            run = await execute(run, wait, harness.reconcile_dependencies, until=harness.clock.now() + 100)
            last = await last_run("some.type", harness.reconcile_dependencies)
            assert last is not None
            assert last.failures == failures
            run = last

    async def test_prolongs_its_lease_only_when_a_part_of_its_time_is_over(self, harness: Harness) -> None:
        run = await started(harness)
        assert await Lease(harness.reconcile_dependencies).acquire()
        [taken] = harness.state_store.leases.values()
        harness.clock.advance(LEASE_SECONDS / 5)
        await run.prolong_lease()
        assert [*harness.state_store.leases.values()] == [taken], "each prolongation is a write"
        harness.clock.advance(1)
        await run.prolong_lease()
        assert [*harness.state_store.leases.values()] != [taken]

    @pytest.mark.parametrize(("job", "empty"), [(Job.BACKFILL, True), (Job.VERIFY, False)])
    async def test_only_a_backfill_starts_empty(self, harness: Harness, *, job: Job, empty: bool) -> None:
        """A verify run of an empty mirror looks for unlisted objects all the same."""
        run = await start_run("some.type", job, None, harness.reconcile_dependencies)
        assert run.started_empty is empty

    async def test_a_tick_that_loses_the_lease_stops(self, harness: Harness) -> None:
        assert await Lease(harness.reconcile_dependencies).acquire()
        late = await started(harness)
        harness.clock.advance(LEASE_SECONDS + 1)
        assert await Lease(replace(harness.reconcile_dependencies, owner="another")).acquire()
        with pytest.raises(RunConflict):
            await late.save(at_page("2"))

    async def test_a_tick_that_works_keeps_the_lease(self, harness: Harness) -> None:
        assert await Lease(harness.reconcile_dependencies).acquire()
        one = await started(harness)
        for number in range(20):
            harness.clock.advance(LEASE_SECONDS / 3)
            await one.save(at_page(str(number)))
            assert not await Lease(replace(harness.reconcile_dependencies, owner="another")).acquire()


class TestAWriteWhoseAnswerIsLost:
    """The client repeats the write, and the condition refuses it: the first attempt was stored."""

    async def test_has_stored_the_end_of_the_run(self) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (Status.COMPLETE, "", 0)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_has_stored_the_checkpoint(self) -> None:
        async def two_pages(one: ActiveRun) -> None:
            await one.save(at_page("2"), ["a"])
            await one.save(at_page("3", filters_shown=(1,)), ["b"])

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, two_pages, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason) == (Status.COMPLETE, "")
        assert (await resumed(harness, run)).checkpoints.latest(ListCheckpoint) == at_page("3", filters_shown=(1,))

    async def test_is_distinguished_from_another_write_at_the_same_time_by_the_clock(self) -> None:
        async def interleaved(late: ActiveRun) -> None:
            last = await last_run(late.record.type, harness.reconcile_dependencies)
            assert last is not None
            await abandon_run(last, "another job was requested", harness.reconcile_dependencies)

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, interleaved, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert kept.updated_at == ended.updated_at
        assert (ended.status, kept.status) == (Status.RUNNING, Status.FAILED)


class TestTheEnd:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (TransientError("Stripe answered 503"), Status.RUNNING),
            (PermanentError("Stripe answered 400"), Status.FAILED),
            (PermissionDenied("Stripe answered 403"), Status.UNAUTHORIZED),
            (Unauthorized("Stripe answered 401"), Status.RUNNING),
            (ListUnavailable("Stripe answered 400"), Status.UNAVAILABLE),
            (NotFound("nothing there"), Status.RUNNING),
        ],
    )
    async def test_is_recorded_with_its_reason(self, harness: Harness, error: Exception, status: Status) -> None:
        async def fail(_: ActiveRun) -> None:
            raise error

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        run.failures = 2
        ended = await execute(run, fail, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (status, str(error), 3)
        assert bool(ended.finished_at) is (status is not Status.RUNNING)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_of_an_incomplete_run_keeps_the_time_of_the_last_complete_run(self, harness: Harness) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        async def fail(_: ActiveRun) -> None:
            raise PermanentError("Stripe answered 400")

        first = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        harness.clock.advance(10)
        first = await execute(first, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        last = first
        for _ in range(2):
            harness.clock.advance(10)
            last = await start_run("some.type", Job.VERIFY, last, harness.reconcile_dependencies)
            last = await execute(last, fail, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert last.verified_at == first.finished_at
