"""One schedule: Stripe, its webhooks, the queue, workers and reconcile runs, concurrently, as a seed decides.

The flows are the real ones; everything around them is simulated, see ``loop.py``.
"""

import asyncio
from random import Random

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import RECOVER
from billing_mirror.reconcile.jobs.verify import MOVING
from billing_mirror.reconcile.tick import run_on_demand

from .chosen_ids import COUPON, draw_loss
from .container import Trace
from .environment import Environment, Result
from .faults import Consequence, Dice, Fault
from .feed import wrong_feed
from .foreign_account import account_with_same_ids
from .hand_changes import change_by_hand
from .loop import ScheduleStuck, SimulatedLoop
from .restored_table import RestoredTable
from .scenario import Scenario
from .stripe import StripeObject
from .violations import find_violations
from .webhooks import DAY, Webhooks
from .workers import RUN_TIME, ReconcileRuns, Worker
from .workload import Workload

HOUR = 3600.0
MAX_TICKS = 9
"""Until a run has ended on a calm day."""
SHORT_TICKS = 4
SHORT_TIME = 2.0
"""Seconds that one of the first ticks may have."""
SHORT_LIFE = HOUR / 4
MID_SECOND = 0.25
"""Seconds before the first change, so that not all changes are at the start of a second."""
WRONG_FOR = (5.0, 120.0, HOUR)
"""Seconds until the right key is back; each is equally likely."""
OUTAGE = HOUR / 2
"""Of days an outage would be as long, beside how long a message lives, but would take more steps."""


class Schedule:
    def __init__(self, seed: int, *, losing: bool, trace: Trace | None = None) -> None:
        self.dice = Dice(seed, losing=losing)
        self.workload = Workload.draw(self.dice)
        # The flows need no sockets and signals.
        self.loop = SimulatedLoop(self.dice.random)  # type: ignore[abstract]
        self.result = Result(seed, losing)
        self._trace = trace

    def run(self) -> Result:
        try:
            self.loop.run(self._all())
        except ScheduleStuck as error:
            self.result.wrong["stuck"] = [str(error)]
        self.result.struck = +self.dice.counts
        self.result.steps = self.loop.steps
        return self.result

    def _say(self, what: str) -> None:
        if self._trace:
            self._trace(f"{self.loop.time():12.3f} {what}")

    async def _all(self) -> None:
        environment = Environment(self.dice, self.workload, self.result, self._say if self._trace else None)
        webhooks, runs = Webhooks(environment), ReconcileRuns(environment)
        self._restored = RestoredTable(environment, self.dice, self.result.seed)
        workers = [Worker(f"worker {number}", environment) for number in range(self.workload.workers)]
        working = [asyncio.ensure_future(worker.work()) for worker in workers]
        await asyncio.gather(*(self._live(context, environment, webhooks, runs) for context in self.workload.contexts))
        await webhooks.all_sent()
        await asyncio.sleep(DAY)
        self.dice.stop_faults()
        await runs.all_ended()
        await self._settle(environment)
        if self.result.losing:
            await self._reconcile_once(environment)
        if self.dice.removing:
            await self._lose_coupons(environment)
        self.result.wrong |= find_violations(environment, losing=self.result.losing)
        for problem, name in await wrong_feed(environment.mirror, environment.clock, self.result.seed):
            self.result.wrong.setdefault(problem, []).append(name)
        for task in working:
            task.cancel()

    async def _live(
        self, context: str | None, environment: Environment, webhooks: Webhooks, runs: ReconcileRuns
    ) -> None:
        def announce(event_type: str, obj: StripeObject) -> None:
            webhooks.announce(event_type, obj)
            name = str((obj.now or {}).get("object"))
            if len(obj.states) == 1 and name in TYPES:
                runs.object_created(name, context)

        scenario = Scenario(
            environment.state, context, self.dice, environment.clock.now, announce, one_sided=self.workload.one_sided
        )
        if self.dice.dated_coarsely:
            await asyncio.sleep(MID_SECOND)
        scenario.set_up()
        for _ in range(self.workload.changes):
            await asyncio.sleep(self.dice.seconds(self.workload.pause))
            scenario.step()
            self.dice.overtaking.done(scenario, "change")
            webhooks.rotate()
            self._perhaps_break_down(environment)
            self._restored.perhaps_strike()
            self._perhaps_replace_key(environment)

    def _perhaps_break_down(self, environment: Environment) -> None:
        if not environment.state.out_until and self.dice.strikes(Fault.OUTAGE):
            environment.state.out_until = environment.clock.now() + OUTAGE
            environment.queue.lifetime = SHORT_LIFE

    def _perhaps_replace_key(self, environment: Environment) -> None:
        """The secret holds a key of another account for a while, and then a new key of the right one."""
        state = environment.state
        if state.other_account is None and self.dice.strikes(Fault.KEY_OF_OTHER_ACCOUNT):
            state.other_account = account_with_same_ids(environment.clock.now())
            state.key = state.other_account.key
            later = self.dice.random.choice(WRONG_FOR)
            self.loop.call_later(later, setattr, state, "key", f"another key of {state.account}")

    async def _settle(self, environment: Environment) -> None:
        for _ in range(400):
            if not environment.queue.waiting:
                return
            await asyncio.sleep(HOUR)
        self.result.wrong["stuck"] = [message.body for message in environment.queue.waiting]

    async def _reconcile_once(self, environment: Environment) -> None:
        """Waits until abandoned claims have expired, then reconciles all accounts.

        Some schedules recover lost events first, to test both kinds of repair; a schedule that lost only events runs
        nothing else.
        """
        await asyncio.sleep(2 * HOUR)
        names = {str((obj.states[0][1] or {})["object"]) for obj in environment.state.objects.values()}
        if self.dice.recovering or self.dice.random.random() < 0.5:
            await self._run_in_all(RECOVER, Job.RECOVER, environment)
            await self._settle(environment)
        if self.dice.recovering:
            return
        job = self.dice.random.choice((Job.VERIFY, Job.VERIFY, Job.BACKFILL))
        if self.dice.counts[Fault.TABLE_RESTORED]:
            job = Job.VERIFY  # backfill reads heads alone, and a body may be missing
        if job is Job.VERIFY:
            self.dice.counts[Consequence.CHANGED_BY_HAND] += change_by_hand(
                environment.items_at_stripe(), Random(self.result.seed)
            )
        for object_type in RECONCILED_TYPES:
            if object_type.name in names:
                # Of what an owner has just been repaired for, verify leaves the customer to the refreshes that follow.
                await asyncio.sleep(2 * MOVING)
                await self._run_in_all(object_type.name, job, environment)
        await self._settle(environment)

    async def _run_in_all(self, name: str, job: Job, environment: Environment) -> None:
        for context in self.workload.contexts:
            await self._one_run(name, job, environment, context=context)

    async def _lose_coupons(self, environment: Environment) -> None:
        """Stripe's list of coupons is empty: by mistake, or because most are gone and a person confirms it."""
        await asyncio.sleep(2 * HOUR)  # abandoned claims have expired
        # Also ends an interrupted run: of what its lists have not shown, it may remove the few that the limit allows.
        await self._one_run(COUPON, Job.VERIFY, environment)
        await self._settle(environment)
        await asyncio.sleep(HOUR)
        loss = draw_loss(environment.state, self.dice, environment.clock.now())
        status = await self._one_run(COUPON, Job.VERIFY, environment, may_fail=True)
        self._require(loss.status, status)
        if status is Status.FAILED:
            self.dice.counts[Consequence.REMOVALS_HELD] += 1
        environment.state.unlisted.clear()
        environment.state.hidden.clear()
        if loss.is_real and status is Status.FAILED:
            self._require(Status.COMPLETE, await self._one_run(COUPON, Job.VERIFY, environment, confirmed=True))

    def _require(self, expected: Status, found: Status) -> None:
        if found is not expected:
            self.result.wrong.setdefault("a run ended otherwise", []).append(f"{found} instead of {expected}")

    async def _one_run(
        self,
        name: str,
        job: Job,
        environment: Environment,
        *,
        confirmed: bool = False,
        may_fail: bool = False,
        context: str | None = None,
    ) -> Status:
        """A new run to its end, after any interrupted run, and another unless it ``may_fail``; how it ended.

        Some ticks have little time.
        """
        container = environment.container("reconcile")
        dependencies = environment.dependencies(container, environment.budget(container, of_reconcile=True))
        dependencies = dependencies.within(context)
        started = environment.clock.now()
        for number in range(MAX_TICKS):
            time = self.dice.random.choice((SHORT_TIME, SHORT_TIME, RUN_TIME)) if number < SHORT_TICKS else RUN_TIME
            deadline = environment.clock.now() + time * max(0.1, self.dice.random.random())
            request = RunRequest(((name, job),), confirm_deletions=confirmed)
            report = await run_on_demand(request, dependencies, deadline=deadline)
            for worked in report.worked:
                is_over = worked.run.complete or (may_fail and worked.run.status is not Status.RUNNING)
                if is_over and worked.run.started_at >= started:
                    return worked.run.status
        self.result.wrong["stuck"] = [f"a run of {name}"]
        return Status.RUNNING
