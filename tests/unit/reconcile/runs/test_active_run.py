"""How a run keeps its place, and what becomes of two that work on one."""

from dataclasses import replace

import pytest

from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Gone, NotPermitted, NotShown, Overtaken, Refused, Retryable, Unauthorized
from billing_mirror.core.run import Drift, Job, Resolution, Run, Status
from billing_mirror.reconcile.dependencies import LEASED_FOR
from billing_mirror.reconcile.runs.active_run import Round
from billing_mirror.reconcile.runs.lifecycle import begun, given_up, last_run, recorded
from tests.doubles.state_store import ResendingJournal
from tests.unit.harness import House

PAGES = "test#pages:some.type"


async def round_of(house: House) -> Round:
    return Round(await begun("some.type", Job.OBJECTS, None, house.watch), house.watch)


async def again(house: House, run: Run) -> Round:
    """Another tick that goes on with the run."""
    last = await last_run(run.type, house.watch)
    assert last is not None
    found = Round(last, house.watch)
    await found.go_on()
    return found


class TestARound:
    async def test_goes_on_where_the_last_page_was_kept_with_what_was_counted_until_then(self, house: House) -> None:
        first = await round_of(house)
        await first.go_on()
        assert first.place == Place()
        first.run.counts.compared = 100
        await first.save(Place(url="/v2/x?page=2"))
        first.run.counts.compared = 150
        second = await again(house, first.run)
        assert (second.place, second.run.counts.compared) == (Place(url="/v2/x?page=2"), 100)

    async def test_that_goes_on_with_a_run_does_not_start_with_that_of_another_one(self, house: House) -> None:
        first = await round_of(house)
        await first.save(Place(url="/v2/x?page=2"))
        house.clock.advance(1)
        second = await round_of(house)
        await second.go_on()
        assert (second.place, second.run.counts.pages) == (Place(), 0)
        assert "a" not in await second.shown()

    async def test_remembers_what_was_shown_on_all_pages(self, house: House) -> None:
        first = await round_of(house)
        await first.save(Place(url="2"), ["a", "b"])
        second = await again(house, first.run)
        await second.save(Place(url="3"), [f"id{number}" for number in range(45_000)])
        shown = await (await again(house, first.run)).shown()
        assert all(one in shown for one in ("a", "b", "id0", "id20000", "id44999"))
        assert "c" not in shown
        largest = max(len(entry["shown"]) for entry in house.journal.books[PAGES].values())  # type: ignore[arg-type]
        assert largest < 400_000, "an entry has to fit into an item"

    async def test_counts_from_its_evidence_again(self, house: House) -> None:
        first = await round_of(house)
        await first.decided(Drift("a", Difference.MISSING, Resolution.UNRESOLVED))
        await first.decided(Drift("a", Difference.MISSING, Resolution.REPAIRED))
        await first.decided(Drift("b", Difference.DIFFERENT, Resolution.FALSE_ALARM))
        assert first.run.counts.found == 2
        await first.recount()
        counts = first.run.counts
        assert (counts.missing, counts.repaired, counts.unresolved, counts.false_alarms) == (1, 1, 0, 1)

    async def test_knows_what_it_has_noted_of_an_object_by_its_whole_id(self, house: House) -> None:
        one = await round_of(house)
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
    async def test_the_second_one_to_keep_a_page_stops_and_leaves_nothing(self, house: House) -> None:
        run = await begun("some.type", Job.OBJECTS, None, house.watch)

        async def overtaken(late: Round) -> None:
            await late.save(Place(url="2"))
            early = await again(house, run)
            await early.save(Place(url="3"), ["a"])
            early.run.counts.compared = 7
            await early.record()
            late.run.counts.compared = 99
            await late.save(Place(url="other"), ["b"])

        ended = await recorded(run, overtaken, house.watch, until=house.clock.now() + 100)
        assert ended.reason == "another tick goes on with this run"
        kept = await last_run("some.type", house.watch)
        assert kept is not None
        assert (kept.counts.compared, kept.status, kept.reason) == (7, Status.RUNNING, "")
        third = await again(house, run)
        assert third.place == Place(url="3")
        assert "b" not in await third.shown()

    async def test_what_the_first_one_has_recorded_stays_whenever_the_second_one_ends(self, house: House) -> None:
        async def nothing(_: Round) -> None: ...

        async def overtaken(late: Round) -> None:
            early = await last_run(late.run.type, house.watch)
            assert early is not None
            early.counts.compared = 7
            await recorded(early, nothing, house.watch, until=house.clock.now() + 100)
            raise TimeoutError

        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        ended = await recorded(run, overtaken, house.watch, until=house.clock.now() + 100)
        kept = await last_run("some.type", house.watch)
        assert kept is not None
        assert kept.status is Status.COMPLETE
        assert ended.status is Status.RUNNING, "who was overtaken does not know better"

    async def test_what_has_ended_cannot_be_given_up_by_somebody_who_has_read_it_before(self, house: House) -> None:
        async def nothing(_: Round) -> None: ...

        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        read_before = await last_run("some.type", house.watch)
        assert read_before is not None
        ended = await recorded(run, nothing, house.watch, until=house.clock.now() + 100)
        assert not await given_up(read_before, "somebody wants another job", house.watch)
        assert await last_run("some.type", house.watch) == ended

    async def test_a_run_that_was_given_up_stays_so_whatever_becomes_of_who_works_on_it(self, house: House) -> None:
        async def overtaken(late: Round) -> None:
            last = await last_run(late.run.type, house.watch)
            assert last is not None
            await given_up(last, "somebody wants another job", house.watch)

        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        ended = await recorded(run, overtaken, house.watch, until=house.clock.now() + 100)
        kept = await last_run("some.type", house.watch)
        assert kept is not None
        assert (kept.status, kept.reason) == (Status.FAILED, "somebody wants another job")
        assert ended.reason == "the record could not be kept: the run's record was replaced meanwhile"
        assert (ended.status, ended.finished_at) == (Status.RUNNING, 0.0)

    async def test_a_tick_records_after_the_one_before_it_at_the_same_time_by_the_clock(self, house: House) -> None:
        async def wait(_: Round) -> None:
            raise Retryable("Stripe answered 503")

        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        for failures in (1, 2, 3):
            run = await recorded(run, wait, house.watch, until=house.clock.now() + 100)
            last = await last_run("some.type", house.watch)
            assert last is not None
            assert last.failures == failures
            run = last

    async def test_whoever_loses_the_lease_stops(self, house: House) -> None:
        assert await house.watch.lease()
        late = await round_of(house)
        house.clock.advance(LEASED_FOR + 1)
        assert await replace(house.watch, owner="another").lease()
        with pytest.raises(Overtaken):
            await late.save(Place(url="2"))

    async def test_whoever_works_keeps_the_lease(self, house: House) -> None:
        assert await house.watch.lease()
        one = await round_of(house)
        for number in range(20):
            house.clock.advance(LEASED_FOR / 3)
            await one.save(Place(url=str(number)))
            assert not await replace(house.watch, owner="another").lease()


class TestAWriteWhoseAnswerIsLost:
    """Its client sends it again: then its own condition refuses it, because it has landed."""

    async def test_has_recorded_the_end_of_the_run(self) -> None:
        async def nothing(_: Round) -> None: ...

        house = House(journal=ResendingJournal())
        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        ended = await recorded(run, nothing, house.watch, until=house.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (Status.COMPLETE, "", 0)
        assert await last_run("some.type", house.watch) == ended

    async def test_has_kept_the_page(self) -> None:
        async def two_pages(one: Round) -> None:
            await one.save(Place(url="2"), ["a"])
            await one.save(Place(url="3", shown=(1,)), ["b"])

        house = House(journal=ResendingJournal())
        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        ended = await recorded(run, two_pages, house.watch, until=house.clock.now() + 100)
        assert (ended.status, ended.reason) == (Status.COMPLETE, "")
        assert (await again(house, run)).place == Place(url="3", shown=(1,))

    async def test_is_told_from_somebody_elses_at_the_same_time_by_the_clock(self) -> None:
        async def overtaken(late: Round) -> None:
            last = await last_run(late.run.type, house.watch)
            assert last is not None
            await given_up(last, "somebody wants another job", house.watch)

        house = House(journal=ResendingJournal())
        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        ended = await recorded(run, overtaken, house.watch, until=house.clock.now() + 100)
        kept = await last_run("some.type", house.watch)
        assert kept is not None
        assert kept.worked_at == ended.worked_at
        assert (ended.status, kept.status) == (Status.RUNNING, Status.FAILED)


class TestTheEnd:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (Retryable("Stripe answered 503"), Status.RUNNING),
            (Refused("Stripe answered 400"), Status.FAILED),
            (NotPermitted("Stripe answered 403"), Status.UNAUTHORIZED),
            (Unauthorized("Stripe answered 401"), Status.RUNNING),
            (NotShown("Stripe answered 400"), Status.NOT_SHOWN),
            (Gone("nothing there"), Status.RUNNING),
        ],
    )
    async def test_is_told_with_its_reason(self, house: House, error: Exception, status: Status) -> None:
        async def fail(_: Round) -> None:
            raise error

        run = await begun("some.type", Job.OBJECTS, None, house.watch)
        run.failures = 2
        ended = await recorded(run, fail, house.watch, until=house.clock.now() + 100)
        assert (ended.status, ended.reason, ended.failures) == (status, str(error), 3)
        assert bool(ended.finished_at) is (status is not Status.RUNNING)
        assert await last_run("some.type", house.watch) == ended

    async def test_of_a_run_that_did_not_complete_leaves_the_last_one_that_did(self, house: House) -> None:
        async def nothing(_: Round) -> None: ...

        async def fail(_: Round) -> None:
            raise Refused("Stripe answered 400")

        first = await begun("some.type", Job.OBJECTS, None, house.watch)
        house.clock.advance(10)
        first = await recorded(first, nothing, house.watch, until=house.clock.now() + 100)
        last = first
        for _ in range(2):
            house.clock.advance(10)
            last = await begun("some.type", Job.OBJECTS, last, house.watch)
            last = await recorded(last, fail, house.watch, until=house.clock.now() + 100)
        assert last.right_at == first.finished_at
