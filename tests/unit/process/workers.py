"""Several workers: what others do while one of them waits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import NO_EVENTS
from tests.doubles.clock import ManualClock
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

PAUSE = 0.075
REF = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")


@dataclass
class BusyClock(ManualClock):
    """Others work while a worker sleeps. ``sleeps`` are in seconds."""

    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await super().sleep(seconds)
        await asyncio.sleep(0)
        if self.meanwhile:
            await self.meanwhile.pop(0)()


class Workers(Harness):
    """The subscription is mirrored, and has changed since."""

    def __init__(self) -> None:
        self.busy = BusyClock()
        super().__init__(clock=self.busy)
        self.events = NO_EVENTS
        """What another worker has received."""
        self.stripe.objects[SUBSCRIPTION] = subscription()
        self.stripe.objects[CADENCE] = cadence()

    async def start(self) -> None:
        await self.deliver(subscription_event(at=self.clock.now() - 100))
        self.pause = PAUSE
        self.clock.advance(1000)
        self.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
        self.stripe.requests.clear()

    @property
    def fetches(self) -> int:
        return self.stripe.paths.count(SUBSCRIPTION)

    async def claim(self) -> None:
        """Another worker claims, and gets no further."""
        self.token, _ = await self.mirror.claim(REF, self.clock.now(), self.events)

    async def store(self) -> None:
        """And stores what it has fetched."""
        self.put()

    def put(self, **columns: object) -> None:
        body = subscription(servicing_status="canceled")
        seen = Observation(
            self.clock.now(),
            "",
            "",
            body,
            digest(REF.object_type, body),
            last_event_at=self.events.last_event_at,
            last_event_ids=self.events.last_event_ids,
        )
        self.mirror.objects[REF.key] = {**item(REF, seen, "cus_1"), "token": self.token, **columns}  # type: ignore[dict-item]

    async def put_tombstone(self) -> None:
        self.put(deleted=True)

    async def nothing(self) -> None:
        pass

    async def send_long_ago(self, text: str) -> None:
        await self.queue.send(text, group="test")
        self.queue.waiting[-1].sent_at -= 60


@pytest.fixture
async def workers() -> Workers:
    made = Workers()
    await made.start()
    return made
