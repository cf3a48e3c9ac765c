"""One schedule: Stripe, its webhooks, the queue, some workers and passes of reconcile, all at once, as a seed decides.

What runs are the real flows. Around them everything is simulated; see ``loop.py``.
"""

import asyncio

from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.run import Job
from billing_mirror.core.schedule import EVENTS
from billing_mirror.reconcile.tick import run_on_demand

from .container import Trace
from .environment import Result, Scene
from .faults import Dice, Fault
from .loop import Endless, SimulatedLoop
from .scenario import Business
from .stripe import Thing
from .violations import wrong_in
from .webhooks import DAY, Webhooks
from .workers import PASS_TIME, REQUESTS_PER_SECOND, Passes, Worker
from .workload import Rhythm

HOUR = 3600.0
MOST_TICKS = 9
"""Until a run has ended on a calm day."""
SHORT_TICKS = 4
SHORT_TIME = 2.0
"""Seconds that one of the first ticks may have."""
SHORT_LIFE = HOUR / 4
OUTAGE = HOUR / 2
"""Of days an outage would be as long, beside how long a message lives, but would take more steps."""


class Schedule:
    def __init__(self, seed: int, *, losing: bool, trace: Trace | None = None) -> None:
        self.dice = Dice(seed, losing=losing)
        self.rhythm = Rhythm.drawn(self.dice)
        # Nobody needs its sockets and signals.
        self.loop = SimulatedLoop(self.dice.random)  # type: ignore[abstract]
        self.result = Result(seed, losing)
        self._told = trace

    def run(self) -> Result:
        try:
            self.loop.run(self._all())
        except Endless as error:
            self.result.wrong["stuck"] = [str(error)]
        self.result.struck = +self.dice.counts
        self.result.steps = self.loop.steps
        return self.result

    def _say(self, what: str) -> None:
        if self._told:
            self._told(f"{self.loop.time():12.3f} {what}")

    async def _all(self) -> None:
        scene = Scene(self.dice, self.rhythm, self.result, self._say if self._told else None)
        webhooks, passes = Webhooks(scene), Passes(scene)
        workers = [Worker(f"worker {number}", scene) for number in range(self.rhythm.workers)]
        working = [asyncio.ensure_future(worker.work()) for worker in workers]
        await asyncio.gather(*(self._live(context, scene, webhooks, passes) for context in self.rhythm.contexts))
        await webhooks.all_sent()
        await asyncio.sleep(DAY)
        self.dice.calm_down()
        await passes.all_ended()
        await self._settle(scene)
        if self.result.losing:
            await self._reconcile_once(scene)
        self.result.wrong |= wrong_in(scene, losing=self.result.losing)
        for task in working:
            task.cancel()

    async def _live(self, context: str | None, scene: Scene, webhooks: Webhooks, passes: Passes) -> None:
        def tell(event_type: str, thing: Thing) -> None:
            webhooks.tell(event_type, thing)
            if len(thing.states) == 1 and context is None:
                passes.after(str((thing.now or {})["object"]))

        business = Business(scene.state, context, self.dice, scene.clock.now, tell, one_sided=self.rhythm.one_sided)
        business.open()
        for _ in range(self.rhythm.changes):
            await asyncio.sleep(self.dice.seconds(self.rhythm.pause))
            business.step()
            self.dice.crossing.done(business, "change")
            webhooks.rotate()
            self._perhaps_break_down(scene)

    def _perhaps_break_down(self, scene: Scene) -> None:
        if not scene.state.out_until and self.dice.strikes(Fault.OUTAGE):
            scene.state.out_until = scene.clock.now() + OUTAGE
            scene.queue.lifetime = SHORT_LIFE

    async def _settle(self, scene: Scene) -> None:
        for _ in range(400):
            if not scene.queue.waiting:
                return
            await asyncio.sleep(HOUR)
        self.result.wrong["stuck"] = [message.body for message in scene.queue.waiting]

    async def _reconcile_once(self, scene: Scene) -> None:
        """After a claim that never ended is dead, in each account: reconcile itself knows of the key's own only.

        In some schedules the lost events are recovered first, so that both ways are seen to heal; where nothing but
        events was lost, that is all.
        """
        await asyncio.sleep(2 * HOUR)
        names = {str((thing.states[0][1] or {})["object"]) for thing in scene.state.things.values()}
        if self.dice.recovering or self.dice.random.random() < 0.5:
            await self._one_run(EVENTS, Job.RECOVER, scene)
            await self._settle(scene)
        if self.dice.recovering:
            return
        job = self.dice.random.choice((Job.VERIFY, Job.VERIFY, Job.BACKFILL))
        for object_type in RECONCILED_TYPES:
            if object_type.name in names:
                await self._one_run(object_type.name, job, scene)
        await self._settle(scene)

    async def _one_run(self, name: str, job: Job, scene: Scene) -> None:
        """A run from its beginning; one that was left half done is ended first. Some ticks have little time."""
        dependencies = scene.dependencies(scene.container("reconcile"), scene.budget(REQUESTS_PER_SECOND))
        began = scene.clock.now()
        for number in range(MOST_TICKS):
            time = self.dice.random.choice((SHORT_TIME, SHORT_TIME, PASS_TIME)) if number < SHORT_TICKS else PASS_TIME
            deadline = scene.clock.now() + time * max(0.1, self.dice.random.random())
            report = await run_on_demand([(name, job)], dependencies, deadline=deadline)
            if any(worked.run.complete and worked.run.started_at >= began for worked in report.worked):
                return
        self.result.wrong["stuck"] = [f"a run over {name}"]
