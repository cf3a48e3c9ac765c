"""The flows between doubles."""

from dataclasses import dataclass, field

import pytest

from billing_mirror.core.items import Item
from billing_mirror.flows.batch import Desk, Ended
from billing_mirror.flows.one_subject import World
from billing_mirror.flows.refresh import refresh
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.stripe import MemoryStripe


@dataclass
class House:
    """Everything that process works between, and a way to let it work."""

    clock: ManualClock = field(default_factory=ManualClock)
    mirror: MemoryMirror = field(default_factory=MemoryMirror)
    stripe: MemoryStripe = field(default_factory=MemoryStripe)
    absorb_margin: float = 5.0

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    @property
    def world(self) -> World:
        return World(self.clock, self.mirror, self.stripe, self.queue)

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

    def item(self, identifier: str, scope: str = "test") -> Item:
        return self.mirror.objects[f"{scope}#{identifier}"]


@pytest.fixture
def house() -> House:
    return House()
