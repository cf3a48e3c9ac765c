"""How a run keeps its place, and what becomes of two that work on one."""

from dataclasses import replace

import pytest

from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import (
    ListUnavailable,
    NotFound,
    PermanentError,
    PermissionDenied,
    RunConflict,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.run import Drift, Job, Resolution, Run, Status
from billing_mirror.reconcile.dependencies import LEASED_FOR
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.lifecycle import abandon_run, execute, last_run, start_run
from tests.doubles.state_store import ResendingStateStore
from tests.unit.harness import Harness

PAGES = "test#pages:some.type"


async def round_of(harness: Harness) -> ActiveRun:
    return ActiveRun(
        await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies), harness.reconcile_dependencies
    )


async def again(harness: Harness, run: Run) -> ActiveRun:
    """Another tick that goes on with the run."""
    last = await last_run(run.type, harness.reconcile_dependencies)
    assert last is not None
    found = ActiveRun(last, harness.reconcile_dependencies)
    await found.go_on()
    return found


class TestARound:
    async def test_goes_on_where_the_last_page_was_kept_with_what_was_counted_until_then(
        self, harness: Harness
    ) -> None:
        first = await round_of(harness)
        await first.go_on()
        assert first.place == Place()
        first.run.counts.compared = 100
        await first.save(Place(url="/v2/x?page=2"))
        first.run.counts.compared = 150
        second = await again(harness, first.run)
        assert (second.place, second.run.counts.compared) == (Place(url="/v2/x?page=2"), 100)

    async def test_that_goes_on_with_a_run_does_not_start_with_that_of_another_one(self, harness: Harness) -> None:
        first = await round_of(harness)
        await first.save(Place(url="/v2/x?page=2"))
        harness.clock.advance(1)
        second = await round_of(harness)
        await second.go_on()
        assert (second.place, second.run.counts.pages) == (Place(), 0)
        assert "a" not in await second.shown()

    async def test_remembers_what_was_shown_on_all_pages(self, harness: Harness) -> None:
        first = await round_of(harness)
        await first.save(Place(url="2"), ["a", "b"])
        second = await again(harness, first.run)
        await second.save(Place(url="3"), [f"id{number}" for number in range(45_000)])
        shown = await (await again(harness, first.run)).shown()
        assert all(one in shown for one in ("a", "b", "id0", "id20000", "id44999"))
        assert "c" not in shown
        largest = max(len(entry["shown"]) for entry in harness.state_store.partitions[PAGES].values())  # type: ignore[arg-type]
        assert largest < 400_000, "an entry has to fit into an item"

    async def test_counts_from_its_evidence_again(self, harness: Harness) -> None:
        first = await round_of(harness)
        await first.decided(Drift("a", Difference.MISSING, Resolution.UNRESOLVED))
        await first.decided(Drift("a", Difference.MISSING, Resolution.REPAIRED))
        await first.decided(Drift("b", Difference.DIFFERENT, Resolution.FALSE_ALARM))
        assert first.run.counts.found == 2
        await first.recount()
        counts = first.run.counts
        assert (counts.missing, counts.repaired, counts.unresolved, counts.false_alarms) == (1, 1, 0, 1)

    async def test_knows_what_it_has_noted_of_an_object_by_its_whole_id(self, harness: Harness) -> None:
        one = await round_of(harness)
        long = "x" * 2000
        for name in ("rcds_10", "rcds_1", long):
            await one.note(Drift(name, Difference.MISSING, Resolution.REPAIRED))
        for name in ("rcds_10", "rcds_1", long):
            noted = await one.noted(name)
            assert noted is not None
            assert noted.id == name
        assert await one.noted("rcds_") is None
        assert await one.noted("rcds_2") is None


class TestOfTwoThatGoOnWithOneRun:
    async def test_the_second_one_to_keep_a_page_stops_and_leaves_nothing(self, harness: Harness) -> None:
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)

        async def overtaken(late: ActiveRun) -> None:
            await late.save(Place(url="2"))
            early = await again(harness, run)
            await early.save(Place(url="3"), ["a"])
            early.run.counts.compared = 7
            await early.record()
            late.run.counts.compared = 99
            await late.save(Place(url="other"), ["b"])

        ended = await execute(run, overtaken, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert ended.reason == "another tick goes on with this run"
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert (kept.counts.compared, kept.status, kept.reason) == (7, Status.RUNNING, "")
        third = await again(harness, run)
        assert third.place == Place(url="3")
        assert "b" not in await third.shown()

    async def test_what_the_first_one_has_recorded_stays_whenever_the_second_one_ends(self, harness: Harness) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        async def overtaken(late: ActiveRun) -> None:
            early = await last_run(late.run.type, harness.reconcile_dependencies)
            assert early is not None
            early.counts.compared = 7
            await execute(early, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
            raise TimeoutError

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, overtaken, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert kept.status is Status.COMPLETE
        assert ended.status is Status.RUNNING, "who was overtaken does not know better"

    async def test_what_has_ended_cannot_be_given_up_by_somebody_who_has_read_it_before(self, harness: Harness) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        read_before = await last_run("some.type", harness.reconcile_dependencies)
        assert read_before is not None
        ended = await execute(run, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert not await abandon_run(read_before, "somebody wants another job", harness.reconcile_dependencies)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_a_run_that_was_given_up_stays_so_whatever_becomes_of_who_works_on_it(self, harness: Harness) -> None:
        async def overtaken(late: ActiveRun) -> None:
            last = await last_run(late.run.type, harness.reconcile_dependencies)
            assert last is not None
            await abandon_run(last, "somebody wants another job", harness.reconcile_dependencies)

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, overtaken, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        kept = await last_run("some.type", harness.reconcile_dependencies)
        assert kept is not None
        assert (kept.status, kept.reason) == (Status.FAILED, "somebody wants another job")
        assert ended.reason == "the record could not be kept: the run's record was replaced meanwhile"
        assert (ended.status, ended.finished_at) == (Status.RUNNING, 0.0)

    async def test_a_tick_records_after_the_one_before_it_at_the_same_time_by_the_clock(self, harness: Harness) -> None:
        async def wait(_: ActiveRun) -> None:
            raise TransientError("Stripe answered 503")

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        for failures in (1, 2, 3):
            run = await execute(run, wait, harness.reconcile_dependencies, until=harness.clock.now() + 100)
            last = await last_run("some.type", harness.reconcile_dependencies)
            assert last is not None
            assert last.failures == failures
            run = last

    async def test_whoever_loses_the_lease_stops(self, harness: Harness) -> None:
        assert await harness.reconcile_dependencies.lease()
        late = await round_of(harness)
        harness.clock.advance(LEASED_FOR + 1)
        assert await replace(harness.reconcile_dependencies, owner="another").lease()
        with pytest.raises(RunConflict):
            await late.save(Place(url="2"))

    async def test_whoever_works_keeps_the_lease(self, harness: Harness) -> None:
        assert await harness.reconcile_dependencies.lease()
        one = await round_of(harness)
        for number in range(20):
            harness.clock.advance(LEASED_FOR / 3)
            await one.save(Place(url=str(number)))
            assert not await replace(harness.reconcile_dependencies, owner="another").lease()


class TestAWriteWhoseAnswerIsLost:
    """Its client sends it again: then its own condition refuses it, because it has landed."""

    async def test_has_recorded_the_end_of_the_run(self) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, nothing, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (Status.COMPLETE, "", 0)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_has_kept_the_page(self) -> None:
        async def two_pages(one: ActiveRun) -> None:
            await one.save(Place(url="2"), ["a"])
            await one.save(Place(url="3", shown=(1,)), ["b"])

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, two_pages, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason) == (Status.COMPLETE, "")
        assert (await again(harness, run)).place == Place(url="3", shown=(1,))

    async def test_is_told_from_somebody_elses_at_the_same_time_by_the_clock(self) -> None:
        async def overtaken(late: ActiveRun) -> None:
            last = await last_run(late.run.type, harness.reconcile_dependencies)
            assert last is not None
            await abandon_run(last, "somebody wants another job", harness.reconcile_dependencies)

        harness = Harness(state_store=ResendingStateStore())
        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        ended = await execute(run, overtaken, harness.reconcile_dependencies, until=harness.clock.now() + 100)
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
    async def test_is_told_with_its_reason(self, harness: Harness, error: Exception, status: Status) -> None:
        async def fail(_: ActiveRun) -> None:
            raise error

        run = await start_run("some.type", Job.VERIFY, None, harness.reconcile_dependencies)
        run.failures = 2
        ended = await execute(run, fail, harness.reconcile_dependencies, until=harness.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (status, str(error), 3)
        assert bool(ended.finished_at) is (status is not Status.RUNNING)
        assert await last_run("some.type", harness.reconcile_dependencies) == ended

    async def test_of_a_run_that_did_not_complete_leaves_the_last_one_that_did(self, harness: Harness) -> None:
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
