"""What a tick does with its time, on a clock that only jumps."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from billing_mirror.core.catalog import RECONCILED, TYPES
from billing_mirror.core.errors import NotPermitted, Retryable
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.run import run as read_run
from billing_mirror.core.schedule import EVENTS, HOUR, Schedule
from billing_mirror.flows.recorded import Work, last_run, recorded
from billing_mirror.flows.round import Round
from billing_mirror.flows.tick import Report, asked, tick
from billing_mirror.flows.watch import LEASED_FOR
from tests.doubles.clock import ManualClock
from tests.simulation.loop import SimulatedLoop

from .conftest import House

T = TypeVar("T")
METERS, TAX_RATES = TYPES["billing.meter"], TYPES["tax_rate"]
LONG = "/v1/billing/meters"
SHORT = "/v1/tax_rates"


class JumpingClock(ManualClock):
    """The time of the loop."""

    def now(self) -> float:
        return super().now() + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def on_its_own_time(coroutine: Coroutine[Any, Any, T]) -> T:
    return SimulatedLoop(Random(0)).run(coroutine)  # type: ignore[abstract]


def a_house(*, pages: int = 0, seconds: float = 20.0) -> House:
    """Meters on so many pages, for each of which Stripe takes so many seconds, and no tax rates."""
    house = House(JumpingClock(), schedule=Schedule(rows=(METERS, TAX_RATES)))
    house.stripe.page_size = 1
    house.stripe.lists = {
        LONG: [{"id": f"mtr_{one}", "object": METERS.name, "livemode": False} for one in range(pages)],
        SHORT: [],
    }

    async def answer_late(path: str) -> None:
        if path.startswith(LONG):
            await asyncio.sleep(seconds)

    house.stripe.before_answer = answer_late
    return house


async def ticked(house: House, seconds: float = 800.0, *, owner: str = "somebody") -> Report:
    return await tick(replace(house.watch, owner=owner), deadline=house.clock.now() + seconds)


def told(report: Report) -> list[tuple[str, Job, Status]]:
    return [(worked.run.type, worked.run.job, worked.run.status) for worked in report.worked]


async def ran(name: str, house: House) -> Run:
    run = await last_run(name, house.watch)
    assert run is not None
    return run


def test_a_first_tick_recovers_events_and_fills_each_type() -> None:
    house = a_house(pages=2)
    report = on_its_own_time(ticked(house))
    assert told(report) == [
        (EVENTS, Job.EVENTS, Status.COMPLETE),
        (METERS.name, Job.BACKFILL, Status.COMPLETE),
        (TAX_RATES.name, Job.BACKFILL, Status.COMPLETE),
    ]
    assert report.last.keys() == {EVENTS, METERS.name, TAX_RATES.name}
    assert house.journal.leases == {}, "given back"


def test_the_tick_after_has_nothing_to_do_and_tells_of_the_runs_before() -> None:
    async def two() -> Report:
        house = a_house(pages=2)
        await ticked(house)
        return await ticked(house)

    report = on_its_own_time(two())
    assert (report.leased, report.worked) == (True, [])
    assert report.last[METERS.name].complete


def test_while_a_run_takes_long_events_have_their_turn_every_five_minutes() -> None:
    """And each page is read once: whatever goes on, goes on where it was."""
    house = a_house(pages=60)  # 1200 seconds

    async def two() -> list[Report]:
        return [await ticked(house), await ticked(house)]

    first, second = on_its_own_time(two())
    assert [name for name, _, _ in told(first)] == [EVENTS, METERS.name, EVENTS, METERS.name, EVENTS, METERS.name]
    assert {status for name, _, status in told(first) if name == METERS.name} == {Status.RUNNING}
    assert second.last[METERS.name].complete
    assert second.last[METERS.name].counts.compared == 60
    assert sum(one.counts.compared for report in (first, second) for one in report.worked) == 60
    asked = [path for path in house.stripe.paths if path.startswith(LONG)]
    assert len(set(asked)) == 60
    assert len(asked) <= 60 + 5, "the page that the end of a turn cuts off is read again"


def test_a_tick_ends_by_its_deadline_and_the_next_one_goes_on() -> None:
    async def two() -> tuple[float, Run, Report]:
        house = a_house(pages=10)
        started = house.clock.now()
        await ticked(house, 130)
        spent, left = house.clock.now() - started, await ran(METERS.name, house)
        return spent, left, await ticked(house)

    spent, left, report = on_its_own_time(two())
    assert spent <= 131
    assert (left.status, left.counts.compared, left.failures) == (Status.RUNNING, 6, 0)
    assert report.last[METERS.name].counts.compared == 10


def test_what_the_end_of_a_turn_cuts_off_amid_a_page_is_counted_once() -> None:
    """Its list was read and counted, and one of its objects was being fetched."""
    house = a_house(pages=10)
    house.stripe.objects = {f"{LONG}/{body['id']}": body for body in house.stripe.lists[LONG]}

    async def fetch_late(path: str) -> None:
        if path.startswith(f"{LONG}/"):
            await asyncio.sleep(20)

    house.stripe.before_answer = fetch_late
    wish = ((METERS.name, Job.OBJECTS),)

    async def three() -> list[Report]:
        return [await asked(wish, house.watch, deadline=house.clock.now() + 90) for _ in range(3)]

    counts = [report.worked[0].counts for report in on_its_own_time(three())]
    assert [one.compared for one in counts] == [4, 4, 2]
    assert sum(one.repaired for one in counts) == 10


def test_of_two_ticks_one_works() -> None:
    house = a_house(pages=10)

    async def both() -> list[Report]:
        return list(await asyncio.gather(ticked(house, owner="one"), ticked(house, owner="another")))

    reports = on_its_own_time(both())
    assert sorted(report.leased for report in reports) == [False, True]
    assert [report.worked for report in reports if not report.leased] == [[]]
    assert len([path for path in house.stripe.paths if path.startswith(LONG)]) == 10


def test_a_lease_of_somebody_who_died_runs_out() -> None:
    async def later() -> tuple[Report, Report]:
        house = a_house(pages=1)
        assert await replace(house.watch, owner="who died").lease()
        early = await ticked(house)
        await asyncio.sleep(LEASED_FOR)
        return early, await ticked(house)

    early, late = on_its_own_time(later())
    assert (early.leased, late.leased) == (False, True)


def test_a_type_that_the_key_may_not_read_says_so_and_the_others_go_on() -> None:
    house = a_house()

    async def forbid(path: str) -> None:
        if path.startswith(LONG):
            raise NotPermitted("the key lacks rak_billing_meter_read")

    house.stripe.before_answer = forbid

    async def hours() -> tuple[Report, Report]:
        report = await ticked(house)
        await asyncio.sleep(3 * HOUR)
        return report, await ticked(house)

    report, later = on_its_own_time(hours())
    runs = {worked.run.type: worked.run for worked in report.worked}
    assert runs[METERS.name].status is Status.UNAUTHORIZED
    assert "rak_billing_meter_read" in runs[METERS.name].reason
    assert runs[TAX_RATES.name].complete
    assert METERS.name not in {worked.run.type for worked in later.worked}, "once a day"


def test_a_job_that_stripe_fails_is_tried_once_in_a_tick_and_goes_on_in_the_next() -> None:
    house = a_house(pages=2)

    async def fail(path: str) -> None:
        if path.startswith(LONG):
            raise Retryable("Stripe answered 503")

    house.stripe.before_answer = fail

    async def two() -> tuple[Report, Report]:
        report = await ticked(house)
        house.stripe.before_answer = None
        return report, await ticked(house)

    report, later = on_its_own_time(two())
    assert told(report).count((METERS.name, Job.BACKFILL, Status.RUNNING)) == 1
    assert report.last[METERS.name].failures == 1
    assert (later.last[METERS.name].complete, later.last[METERS.name].failures) == (True, 0)


def test_events_that_cannot_be_listed_keep_no_other_job_from_its_turn() -> None:
    house = a_house(pages=2)

    async def fail(path: str) -> None:
        if path.startswith("/v2/core/events"):
            raise Retryable("Stripe answered 503")

    house.stripe.before_answer = fail
    report = on_its_own_time(ticked(house))
    assert [status for _, _, status in told(report)] == [Status.RUNNING, Status.COMPLETE, Status.COMPLETE]


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
