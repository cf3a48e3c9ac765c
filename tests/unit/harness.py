"""The flows between doubles."""

from dataclasses import dataclass, field

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.items import Item
from billing_mirror.core.run import Drift, Job, Run
from billing_mirror.core.schedule import Schedule
from billing_mirror.process.batch import refresh
from billing_mirror.process.messages import Desk, Ended
from billing_mirror.reconcile.dependencies import Watch
from billing_mirror.refresh.apply import World
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import drifts, passed
from tests.doubles.state_store import MemoryJournal
from tests.doubles.stripe import MemoryStripe

SUBSCRIPTION = "/v2/billing/rate_card_subscriptions/rcds_1"
CADENCE = "/v2/billing/cadences/bc_1"


@dataclass
class House:
    """Everything that process and reconcile work between, and ways to let them work."""

    clock: ManualClock = field(default_factory=ManualClock)
    mirror: MemoryMirror = field(default_factory=MemoryMirror)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    stripe: MemoryStripe = field(default_factory=MemoryStripe)
    schedule: Schedule = field(default_factory=Schedule)
    absorb_margin: float = 5.0

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    @property
    def world(self) -> World:
        return World(self.clock, self.mirror, self.stripe, self.queue)

    @property
    def watch(self) -> Watch:
        return Watch(self.world, self.journal, self.schedule, owner="somebody")

    @property
    def desk(self) -> Desk:
        return Desk(self.world, self.absorb_margin)

    async def deliver(self, *bodies: str) -> list[Ended]:
        """Sends messages and processes one batch of what is in the queue."""
        for body in bodies:
            await self.queue.send(body, group="test")
        return await self.work()

    async def work(self, *, seconds: float = 50.0) -> list[Ended]:
        batch = self.queue.receive(50)
        results = await refresh(batch, self.desk, deadline=self.clock.now() + seconds)
        for ended in results:
            if not ended.later:
                self.queue.delete(ended.task.received.receipt)
        return results

    async def passed(self, row: ObjectType, *, job: Job = Job.OBJECTS, seconds: float = 100.0) -> Run:
        """A new run over a type, or what goes on of one that was stopped."""
        return await passed(row, self.watch, job=job, seconds=seconds)

    async def drifts(self, run: Run) -> list[Drift]:
        """The evidence of a run."""
        return await drifts(run, self.watch)

    def item(self, identifier: str, scope: str = "test") -> Item:
        return self.mirror.objects[f"{scope}#{identifier}"]
