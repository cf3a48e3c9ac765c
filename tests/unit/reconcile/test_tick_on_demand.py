"""What becomes of a job that somebody has asked for, on a clock that only jumps."""

import asyncio
from dataclasses import replace

from billing_mirror.core.catalog import RECONCILED
from billing_mirror.core.errors import Retryable
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.run import run as read_run
from billing_mirror.reconcile.dependencies import LEASED_FOR
from billing_mirror.reconcile.runs.active_run import Round
from billing_mirror.reconcile.runs.lifecycle import Work, recorded
from billing_mirror.reconcile.tick import Report, asked, tick
from tests.unit.harness import House

from .ticks import METERS, JumpingClock, a_house, on_its_own_time, ran, ticked, told


class TestWhatIsAskedFor:
    METER = ((METERS.name, Job.OBJECTS),)

    async def _asked(self, house: House, seconds: float = 800.0) -> Report:
        return await asked(self.METER, house.watch, deadline=house.clock.now() + seconds)

    def test_is_done_at_once_whether_it_is_due_or_not(self) -> None:
        async def twice() -> list[Report]:
            house = a_house(pages=1)
            return [await self._asked(house), await self._asked(house)]

        for report in on_its_own_time(twice()):
            assert told(report) == [(METERS.name, Job.OBJECTS, Status.COMPLETE)]

    def test_goes_on_in_ticks_where_there_was_not_time_enough(self) -> None:
        async def both() -> tuple[Report, Report]:
            house = a_house(pages=10)
            return await self._asked(house, 90), await ticked(house)

        first, then = on_its_own_time(both())
        assert told(first) == [(METERS.name, Job.OBJECTS, Status.RUNNING)]
        assert (METERS.name, Job.OBJECTS, Status.COMPLETE) in told(then)
        assert then.last[METERS.name].counts.compared == 10

    def test_goes_on_where_it_has_begun(self) -> None:
        async def both() -> Report:
            house = a_house(pages=10)
            await self._asked(house, 90)
            return await self._asked(house)

        [worked] = on_its_own_time(both()).worked
        assert (worked.run.counts.compared, worked.counts.compared) == (10, 6)

    def test_keeps_its_lease_however_many_short_runs_it_takes(self) -> None:
        house = House(JumpingClock())
        house.stripe.lists = {row.listings[0].url: [] for row in RECONCILED if row.listings}
        many = tuple((row.name, Job.OBJECTS) for row in RECONCILED)

        async def dawdle(_: str) -> None:
            await asyncio.sleep(50)

        house.stripe.before_answer = dawdle

        async def both() -> list[bool]:
            begun = asyncio.create_task(asked(many, house.watch, deadline=house.clock.now() + 4 * LEASED_FOR))
            leased = []
            for _ in range(2):
                await asyncio.sleep(LEASED_FOR + 20)
                other = replace(house.watch, owner="another")
                leased.append((await tick(other, deadline=house.clock.now() + 1)).leased)
            await begun
            return leased

        assert on_its_own_time(both()) == [False, False]

    def test_is_begun_while_somebody_else_is_at_work_and_done_by_a_tick(self) -> None:
        async def both() -> tuple[Report, Report]:
            house = a_house(pages=1)
            await ticked(house)
            other = replace(house.watch, owner="somebody else")
            assert await other.lease()
            report = await self._asked(house)
            await house.journal.release(other.scope, other.owner)
            return report, await ticked(house)

        busy, then = on_its_own_time(both())
        assert (busy.leased, busy.worked) == (False, [])
        assert told(then) == [(METERS.name, Job.OBJECTS, Status.COMPLETE)]

    def test_of_a_type_that_is_worked_on_otherwise_is_a_run_of_its_own(self) -> None:
        async def both() -> tuple[Run, Report]:
            house = a_house(pages=10)
            await ticked(house, 90)
            return await ran(METERS.name, house), await self._asked(house)

        before, report = on_its_own_time(both())
        assert (before.job, before.status) == (Job.BACKFILL, Status.RUNNING)
        [worked] = report.worked
        assert (worked.run.job, worked.run.started_at > before.started_at) == (Job.OBJECTS, True)

    def _asked_while_the_other_run_is_recorded(self, work: Work) -> tuple[Run, Report]:
        """What becomes of the run before, which is worked on between its being read and its being given up."""
        house = a_house(pages=10)
        meters = f"run:{METERS.name}"

        async def both() -> tuple[Run, Report]:
            await ticked(house, 90)
            before = await ran(METERS.name, house)

            async def work_on_it(book: str) -> None:
                if book == meters:
                    house.journal.before_write = None
                    await recorded(before, work, house.watch, until=house.clock.now() + 10)

            house.journal.before_write = work_on_it
            report = await self._asked(house)
            return read_run(house.journal.books[f"test#{meters}"][before.name]), report

        return on_its_own_time(both())

    def test_begins_after_a_run_that_ended_just_before_it_was_to_be_given_up(self) -> None:
        async def nothing(_: Round) -> None: ...

        before, report = self._asked_while_the_other_run_is_recorded(nothing)
        [worked] = report.worked
        assert (before.status, worked.run.job, worked.run.complete) == (Status.COMPLETE, Job.OBJECTS, True)
        assert worked.run.waiting_since == before.finished_at

    def test_takes_the_place_of_a_run_that_was_worked_on_just_before_it_was_to_be_given_up(self) -> None:
        async def wait(_: Round) -> None:
            raise Retryable("Stripe answered 503")

        before, report = self._asked_while_the_other_run_is_recorded(wait)
        [worked] = report.worked
        assert (before.status, before.failures) == (Status.FAILED, 1)
        assert (worked.run.job, worked.run.complete) == (Job.OBJECTS, True)
