"""One story, told again and again: each time the worker is killed somewhere else.

It is killed before or after one I/O call, starts again, and is perhaps killed a second time. Nothing else goes wrong.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.subject import Scope, key
from billing_mirror.flows.batch import Desk, Ended
from billing_mirror.flows.one_subject import World
from billing_mirror.flows.refresh import refresh
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import event

from .aws import UnreliableMirror, UnreliableQueue, WakingQueue
from .container import MARGIN, Container
from .faults import Dice
from .loop import SimulatedLoop
from .stripe import SimulatedStripe, StripeState, Thing

CARDS = "/v2/billing/rate_cards"
VERSIONS = f"{CARDS}/rcd_1/versions"
RATES = f"{CARDS}/rcd_1/rates"
SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"
CADENCES = "/v2/billing/cadences"
TYPE = "v2.billing."


class Crashing:
    """The story: a subscription, a rate card with two rates, a version that lacks one, a product that is deleted.

    ``kill_at`` are numbers of steps, the first counted from the beginning, the next from the crash before it.
    """

    def __init__(self, kill_at: Sequence[int] = ()) -> None:
        self._kill_at = kill_at
        self._dice = Dice(0, losing=False)
        self._dice.calm = True
        self._loop = SimulatedLoop(Random(0))  # type: ignore[abstract]
        self.state = StripeState()
        self.mirror = MemoryMirror()
        self.steps = 0
        """I/O steps since the last crash."""
        self.crashes = 0

    def run(self) -> list[str]:
        """The objects that are not in the mirror as they are at Stripe."""
        self._loop.run(self._story())
        return [*self._wrong()]

    async def _story(self) -> None:
        self._clock = self._container()
        self._queue = WakingQueue(self._clock)
        await self._make("v1.product", "product", "/v1/products", "gold")
        await self._make(f"{TYPE}cadence", f"{TYPE}cadence", CADENCES, "bc_1", payer={"customer": "cus_1"})
        await self._make(f"{TYPE}rate_card", f"{TYPE}rate_card", CARDS, "rcd_1", live_version="rcdv_1")
        for rate in ("rcdr_1", "rcdr_2"):
            await self._make(f"{TYPE}rate_card_rate", f"{TYPE}rate_card_rate", RATES, rate, rate_card="rcd_1")
        await self._version("rcdv_1", "rcdr_1", "rcdr_2")
        fields: JsonObject = {"billing_cadence": "bc_1", "servicing_status": "active"}
        await self._make(
            f"{TYPE}rate_card_subscription", f"{TYPE}rate_card_subscription", SUBSCRIPTIONS, "rcds_1", **fields
        )
        await self._work()
        await self._change(f"{RATES}/rcdr_2", None)  # of which no event tells
        await self._change(f"{CARDS}/rcd_1", {"live_version": "rcdv_2"})
        await self._version("rcdv_2", "rcdr_1")
        await self._change("/v1/products/gold", None, "v1.product.deleted")
        canceled: JsonObject = {"servicing_status": "canceled"}
        await self._change(f"{SUBSCRIPTIONS}/rcds_1", canceled, f"{TYPE}rate_card_subscription.servicing_canceled")
        await self._work()

    async def _version(self, identifier: str, *rates: str) -> None:
        self.state.rates[None, identifier] = [*rates]
        name = f"{TYPE}rate_card_version"
        await self._make(name, name, VERSIONS, identifier, rate_card_id="rcd_1")

    async def _make(self, resource: str, name: str, list_path: str, identifier: str, **fields: object) -> None:
        path = f"{list_path}/{identifier}"
        self.state.things[None, path] = Thing(path, None, list_path)
        body = {"id": identifier, "object": name, "created": 1_600_000_000, "livemode": False, **fields}
        await self._change(path, body, f"{resource}.created")  # type: ignore[arg-type]

    async def _change(self, path: str, fields: JsonObject | None, told: str = "") -> None:
        thing = self.state.things[None, path]
        now = self._clock.now()
        thing.states.append((now, None if fields is None else {**((thing.states and thing.now) or {}), **fields}))
        if told:
            text = event(told, thing.states[0][1] or {}, url=path, at=now, identifier=f"evt_{len(self.state.events)}")
            await self._queue.send(text, group="test")

    # ---- the worker

    async def _work(self) -> None:
        """Until the queue is empty; a worker that is killed is followed by the next."""
        while self._queue.waiting:
            await asyncio.sleep(1.0)
            batch = self._queue.receive(10)
            if not batch:
                await self._queue.wait()
                continue
            container = self._container()
            ended: list[Ended] = []

            async def work(container: Container = container, ended: list[Ended] = ended) -> None:
                ended += await refresh(batch, Desk(self._world(container), MARGIN), deadline=container.now() + 50.0)  # noqa: B023
                await self._acknowledge(container, ended)

            if await container.run(work()):
                self.steps += container.steps
            else:
                self.crashes, self.steps = self.crashes + 1, 0

    async def _acknowledge(self, container: Container, ended: Iterable[Ended]) -> None:
        """Lambda deletes what is done in one request: before it, and after it, is a step as well."""
        await container.io("delete")
        for one in ended:
            if not one.later:
                self._queue.delete(one.task.received.receipt)
        await container.io("delete: done")

    def _container(self) -> Container:
        following = self._kill_at[self.crashes : self.crashes + 1]
        return Container(self._dice, None, "worker", frozenset(step - self.steps for step in following))

    def _world(self, container: Container) -> World:
        return World(
            container,
            UnreliableMirror(self.mirror, self._dice, container.io),
            SimulatedStripe(self.state, self._dice, self._clock.now, container.io),
            UnreliableQueue(self._queue, self._dice, container.io),
        )

    # ---- the verdict

    def _wrong(self) -> Iterator[str]:
        for thing in self.state.things.values():
            first = thing.states[0][1] or {}
            name = key(str(Scope(livemode=False)), TYPES[str(first["object"])], str(first["id"]))
            item = self.mirror.objects.get(name)
            if item is None or (None if item.get("deleted") is True else item.get("data")) != thing.now:
                yield name


def once() -> Iterator[tuple[int, ...]]:
    """Each step of the story as it goes when nobody is killed."""
    return ((step,) for step in range(1, _steps() + 1))


def twice(most: int | None = None) -> Iterator[tuple[int, ...]]:
    """Each pair of steps, the second one in what follows the first crash; of these ``most``, or all."""
    for (first,) in once():
        left = _steps(first)
        yield from ((first, second) for second in range(1, 1 + (left if most is None else min(left, most))))


def _steps(*kill_at: int) -> int:
    told = Crashing(kill_at)
    told.run()
    return told.steps
