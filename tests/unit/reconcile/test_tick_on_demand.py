"""Jobs that are requested on demand, on a clock that only jumps."""

import asyncio
from dataclasses import replace

from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.errors import TransientError
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.lease import LEASE_SECONDS, Lease
from billing_mirror.reconcile.runs.lifecycle import Work, execute
from billing_mirror.reconcile.tick import run_on_demand, tick
from tests.unit.harness import Harness

from .ticks import METERS, JumpingClock, metered_harness, on_its_own_time, ran, reported, ticked


class TestARequestedRun:
    METER = RunRequest(((METERS.name, Job.VERIFY),))

    async def _requested(self, harness: Harness, seconds: float = 800.0) -> TickReport:
        return await run_on_demand(self.METER, harness.reconcile_dependencies, deadline=harness.clock.now() + seconds)

    def test_is_executed_at_once_whether_it_is_due_or_not(self) -> None:
        async def twice() -> list[TickReport]:
            harness = metered_harness(pages=1)
            return [await self._requested(harness), await self._requested(harness)]

        for report in on_its_own_time(twice()):
            assert reported(report) == [(METERS.name, Job.VERIFY, Status.COMPLETE)]

    def test_is_finished_by_ticks_where_time_was_too_short(self) -> None:
        async def both() -> tuple[TickReport, TickReport]:
            harness = metered_harness(pages=10)
            return await self._requested(harness, 90), await ticked(harness)

        first, then = on_its_own_time(both())
        assert reported(first) == [(METERS.name, Job.VERIFY, Status.RUNNING)]
        assert (METERS.name, Job.VERIFY, Status.COMPLETE) in reported(then)
        assert then.last[METERS.name].counts.compared == 10

    def test_resumes_a_running_run(self) -> None:
        async def both() -> TickReport:
            harness = metered_harness(pages=10)
            await self._requested(harness, 90)
            return await self._requested(harness)

        [worked] = on_its_own_time(both()).worked
        assert (worked.run.counts.compared, worked.counts.compared) == (10, 6)

    def test_keeps_the_lease_over_many_short_runs(self) -> None:
        harness = Harness(JumpingClock())
        harness.stripe.lists = {
            object_type.listings[0].url: [] for object_type in RECONCILED_TYPES if object_type.listings
        }
        many = tuple((object_type.name, Job.VERIFY) for object_type in RECONCILED_TYPES)

        async def dawdle(_: str) -> None:
            await asyncio.sleep(50)

        harness.stripe.before_answer = dawdle

        async def both() -> list[bool]:
            started = asyncio.create_task(
                run_on_demand(
                    RunRequest(many), harness.reconcile_dependencies, deadline=harness.clock.now() + 4 * LEASE_SECONDS
                )
            )
            leased = []
            for _ in range(2):
                await asyncio.sleep(LEASE_SECONDS + 20)
                other = replace(harness.reconcile_dependencies, owner="another")
                leased.append((await tick(other, deadline=harness.clock.now() + 1)).leased)
            await started
            return leased

        assert on_its_own_time(both()) == [False, False]

    def test_is_started_while_another_invocation_works_and_finished_by_a_tick(self) -> None:
        async def both() -> tuple[TickReport, TickReport]:
            harness = metered_harness(pages=1)
            await ticked(harness)
            other = replace(harness.reconcile_dependencies, owner="another owner")
            assert await Lease(other).acquire()
            report = await self._requested(harness)
            await harness.state_store.release(other.scope, other.owner)
            return report, await ticked(harness)

        busy, then = on_its_own_time(both())
        assert (busy.leased, busy.worked) == (False, [])
        assert reported(then) == [(METERS.name, Job.VERIFY, Status.COMPLETE)]

    def test_of_another_job_than_the_running_run_is_a_new_run(self) -> None:
        async def both() -> tuple[Run, TickReport]:
            harness = metered_harness(pages=10)
            await ticked(harness, 90)
            return await ran(METERS.name, harness), await self._requested(harness)

        before, report = on_its_own_time(both())
        assert (before.job, before.status) == (Job.BACKFILL, Status.RUNNING)
        [worked] = report.worked
        assert (worked.run.job, worked.run.started_at > before.started_at) == (Job.VERIFY, True)

    def _requested_while_the_other_run_works(self, work: Work) -> tuple[Run, TickReport]:
        """The run before, which a tick works on after it was read and before it is abandoned."""
        harness = metered_harness(pages=10)
        meters = f"run:{METERS.name}"

        async def both() -> tuple[Run, TickReport]:
            await ticked(harness, 90)
            before = await ran(METERS.name, harness)

            async def work_on_it(partition: str) -> None:
                if partition == meters:
                    harness.state_store.before_write = None
                    await execute(before, work, harness.reconcile_dependencies, until=harness.clock.now() + 10)

            harness.state_store.before_write = work_on_it
            report = await self._requested(harness)
            return Run.from_item(harness.state_store.partitions[f"test#{meters}"][before.name]), report

        return on_its_own_time(both())

    def test_starts_after_a_run_that_ended_just_before_it_was_abandoned(self) -> None:
        async def nothing(_: ActiveRun) -> None: ...

        before, report = self._requested_while_the_other_run_works(nothing)
        [worked] = report.worked
        assert (before.status, worked.run.job, worked.run.complete) == (Status.COMPLETE, Job.VERIFY, True)
        assert worked.run.last_verified_at == before.finished_at

    def test_replaces_a_run_that_was_worked_on_just_before_it_was_abandoned(self) -> None:
        async def wait(_: ActiveRun) -> None:
            raise TransientError("Stripe answered 503")

        before, report = self._requested_while_the_other_run_works(wait)
        [worked] = report.worked
        assert (before.status, before.failures) == (Status.FAILED, 1)
        assert (worked.run.job, worked.run.complete) == (Job.VERIFY, True)
