"""One schedule: Stripe, its webhooks, the queue, some workers and passes of reconcile, all at once, as a seed decides.

What runs are the real flows. Around them everything is simulated; see ``loop.py``.
"""

import asyncio

from billing_mirror.core.catalog import RECONCILED
from billing_mirror.flows.reconcile import reconcile

from .business import Business
from .container import Trace
from .faults import Dice, Fault
from .loop import Endless, SimulatedLoop
from .rhythm import Rhythm
from .scene import Result, Scene
from .stripe import Thing
from .verdict import wrong_in
from .webhooks import DAY, Webhooks
from .workers import PASS_TIME, Passes, Worker

HOUR = 3600.0
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
        """After a claim that never ended is dead, in each account: reconcile itself knows of the key's own only."""
        await asyncio.sleep(2 * HOUR)
        names = {str((thing.states[0][1] or {})["object"]) for thing in scene.state.things.values()}
        for row in RECONCILED:
            if row.name in names:
                world = scene.world(scene.container("reconcile"))
                await reconcile(row, world, deadline=scene.clock.now() + PASS_TIME)
        await self._settle(scene)
