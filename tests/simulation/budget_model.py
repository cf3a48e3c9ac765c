"""A model of the shared budget, in virtual time: containers of process, and reconcile, in front of a limited Stripe.

The budget is the real one. Stripe counts the requests of the last second, of the account and of each endpoint, and
refuses what is too many. Everything else takes a time that is drawn: networks, answers, the table, the clocks. The
queue hands out batches as Lambda does. CPU time is left out.

The model says nothing of a real Stripe, whose way of counting is not documented.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.budget import ENDPOINT_LIMIT, Limits
from billing_mirror.core.table.items import Item
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.refresh.around_stripe.rate_limited import RateLimitedStripe
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget
from tests.doubles.state_store import MemoryStateStore

from .loop import SimulatedLoop

EPOCH = 1_700_000_000.0
TEST = Scope(livemode=False)
NETWORK = (0.004, 0.014)
"""Seconds of a request's way to Stripe."""
ANSWER = (0.08, 0.25)
TABLE = (0.004, 0.009)
SKEW = 0.003
"""Seconds by which a container's clock may be off: Amazon's time service keeps instances within milliseconds."""
INVOKE = (0.01, 0.03)
"""Seconds between the receipt of a batch and its function's start, and again to the next receipt."""
HOT = ("/v1/customers",)
SPREAD = tuple(f"/v1/{name}" for name in ("customers", "invoices", "subscriptions", "products", "prices", "coupons"))
LIST = "/v1/invoices"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What arrives, and what works on it. Rates are requests a second, times seconds."""

    arrivals: Sequence[float]
    paths: Sequence[str] = HOT
    account: float = 100.0
    """What Stripe allows of the account."""
    requests_per_second: float = 100.0
    """The setting."""
    containers: int = 5
    batch: int = 10
    window: float = 0.0
    at_once: int = 16
    lists: int = 0
    """Lists that reconcile reads at the same time, page after page."""
    pages: int = 0
    """Pages of all lists; reconcile stops after them."""
    table_down: tuple[float, float] = (0.0, 0.0)
    """From when to when the table does not answer."""


@dataclass(slots=True)
class Result:
    lags: list[float] = field(default_factory=list)
    """Seconds from each arrival to the write."""
    stored_at: list[float] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Requests, and those answered 429, by endpoint."""
    writes: list[float] = field(default_factory=list)
    """When the budget was written."""
    alone: int = 0
    """Times that a container fell back to its static share."""
    pages_at: list[float] = field(default_factory=list)

    def lag(self, share: float) -> float:
        """The lag within which a share of the objects was stored."""
        return sorted(self.lags)[min(len(self.lags) - 1, int(share * len(self.lags)))]

    @property
    def ended_at(self) -> float:
        return max(self.stored_at)

    @property
    def refused_share(self) -> float:
        return self.refused.total() / max(1, self.starts.total())

    @property
    def writes_per_second(self) -> float:
        return len(self.writes) / max(1.0, self.ended_at)


class Clock:
    """Implements ``ports.Clock``."""

    def __init__(self, skew: float = 0.0) -> None:
        self._skew = skew
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return EPOCH + self._loop.time() + self._skew

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LimitedStripe:
    """Implements ``ports.Stripe``: refused requests are not counted."""

    livemode = False

    def __init__(self, random: Random, traffic: Traffic, result: Result) -> None:
        self._random = random
        self._account = traffic.account
        self._result = result
        self._recent: dict[str, deque[float]] = {}
        self._loop = asyncio.get_running_loop()

    def version(self, api: ApiChannel) -> str:
        return api

    async def get(self, request: StripeRequest) -> StripeResponse:
        await asyncio.sleep(self._random.uniform(*NETWORK))
        self._result.starts[request.path] += 1
        now = self._loop.time()
        counts = {"global-rate": self._of("", now), "endpoint-rate": self._of(request.path, now)}
        for reason, limit in (("global-rate", self._account), ("endpoint-rate", ENDPOINT_LIMIT)):
            if len(counts[reason]) >= limit:
                self._result.refused[request.path] += 1
                await asyncio.sleep(self._random.uniform(*NETWORK))
                raise TransientError("Stripe answered 429", throttled=True, limited_by=reason)
        for count in counts.values():
            count.append(now)
        await asyncio.sleep(self._random.uniform(*ANSWER))
        return StripeResponse({}, "{}", "", "")

    def _of(self, key: str, now: float) -> deque[float]:
        """The requests of the last second."""
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        return recent


class Table(MemoryStateStore):
    """The state store, with the time that it takes."""

    def __init__(self, random: Random, traffic: Traffic, result: Result) -> None:
        super().__init__()
        self._random = random
        self._traffic = traffic
        self._result = result
        self._loop = asyncio.get_running_loop()

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        await self._take_time()
        self._result.writes.append(self._loop.time())
        return await super().write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected)

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        await self._take_time()
        return await super().last(scope, partition, start)

    def count_alone(self) -> None:
        self._result.alone += 1

    async def _take_time(self) -> None:
        start, end = self._traffic.table_down
        if start <= self._loop.time() < end:
            await asyncio.sleep(0.5)
            raise TransientError("the table is down")
        await asyncio.sleep(self._random.uniform(*TABLE))


class Starts(Protocol):
    """What limits the requests of a container."""

    async def get(self, request: StripeRequest) -> StripeResponse: ...


class Limiter(Protocol):
    """Makes what limits a container."""

    def __call__(
        self, stripe: LimitedStripe, clock: Clock, table: Table, traffic: Traffic, *, of_reconcile: bool
    ) -> Starts: ...


def shared(stripe: LimitedStripe, clock: Clock, table: Table, traffic: Traffic, *, of_reconcile: bool) -> Starts:
    """The budget as it is."""
    limits = Limits.of(traffic.requests_per_second, 0.0, livemode=traffic.account > 50)
    budget = SharedBudget(
        table,
        TEST,
        clock,
        limits,
        containers=traffic.containers,
        of_reconcile=of_reconcile,
        on_alone=table.count_alone,
    )
    return RateLimitedStripe(stripe, clock, budget, tries_again=not of_reconcile)


class StaticDivision:
    """What was there before: each container has an equal share of 20 requests a second, reconcile 5 in addition.

    A 429 halves it for half a minute.
    """

    def __init__(self, stripe: LimitedStripe, clock: Clock, rate: float) -> None:
        self._stripe = stripe
        self._clock = clock
        self._interval = 1.0 / rate
        self._next_at = self._slow_until = 0.0
        self._starting = asyncio.Lock()

    async def get(self, request: StripeRequest) -> StripeResponse:
        async with self._starting:
            await self._clock.sleep(max(0.0, self._next_at - self._clock.now()))
            now = self._clock.now()
            self._next_at = now + self._interval * (2.0 if now < self._slow_until else 1.0)
        try:
            return await self._stripe.get(request)
        except TransientError:
            self._slow_until = self._clock.now() + 30.0
            raise


def divided(rate: float) -> Limiter:
    """The static division of a rate."""

    def limiter(stripe: LimitedStripe, clock: Clock, table: Table, traffic: Traffic, *, of_reconcile: bool) -> Starts:
        del table
        return StaticDivision(stripe, clock, 5.0 if of_reconcile else rate / traffic.containers)

    return limiter


@dataclass(order=True, slots=True)
class Message:
    visible_at: float
    number: int
    arrived_at: float = field(compare=False)
    path: str = field(compare=False)
    receives: int = field(compare=False, default=0)


class Model:
    """One run. Made inside the loop."""

    def __init__(self, random: Random, traffic: Traffic, limiter: Limiter) -> None:
        self._random = random
        self._traffic = traffic
        self._limiter = limiter
        self._loop = asyncio.get_running_loop()
        self.result = Result()
        self._stripe = LimitedStripe(random, traffic, self.result)
        self._table = Table(random, traffic, self.result)
        self._queue = [
            Message(at, number, at, random.choice(traffic.paths)) for number, at in enumerate(traffic.arrivals)
        ]
        heapq.heapify(self._queue)
        self._pages = traffic.pages
        self._all_stored = asyncio.Event()

    async def run(self) -> None:
        workers = [asyncio.ensure_future(self._work()) for _ in range(self._traffic.containers)]
        reading = asyncio.ensure_future(self._reconcile())
        await self._all_stored.wait()
        if self._traffic.pages:
            await reading
        for task in (*workers, reading):
            task.cancel()

    def _container(self, *, of_reconcile: bool = False) -> Starts:
        clock = Clock(self._random.uniform(-SKEW, SKEW))
        return self._limiter(self._stripe, clock, self._table, self._traffic, of_reconcile=of_reconcile)

    async def _work(self) -> None:
        starts = self._container()
        while True:
            batch = await self._receive()
            await asyncio.sleep(self._random.uniform(*INVOKE))
            slots = asyncio.Semaphore(self._traffic.at_once)
            await asyncio.gather(*(self._process(one, starts, slots) for one in batch))
            await asyncio.sleep(self._random.uniform(*INVOKE))

    async def _receive(self) -> list[Message]:
        batch: list[Message] = []
        until = 0.0
        while True:
            now = self._loop.time()
            while self._queue and self._queue[0].visible_at <= now and len(batch) < self._traffic.batch:
                until = until or now + self._traffic.window
                batch.append(heapq.heappop(self._queue))
            if batch and (now >= until or len(batch) == self._traffic.batch):
                return batch
            await asyncio.sleep(0.01 + self._random.random() * 0.005)

    async def _process(self, message: Message, starts: Starts, slots: asyncio.Semaphore) -> None:
        async with slots:
            await asyncio.sleep(self._random.uniform(*TABLE))  # the claim
            try:
                await starts.get(StripeRequest(message.path, ApiChannel.GA, context=None))
            except TransientError:
                wait = min(900.0, 2.0**message.receives) * (0.5 + 0.5 * self._random.random())
                later = replace(message, visible_at=self._loop.time() + wait, receives=message.receives + 1)
                heapq.heappush(self._queue, later)
                return
            await asyncio.sleep(self._random.uniform(*TABLE))  # the put
            self.result.lags.append(self._loop.time() - message.arrived_at)
            self.result.stored_at.append(self._loop.time())
            if len(self.result.stored_at) == len(self._traffic.arrivals):
                self._all_stored.set()

    async def _reconcile(self) -> None:
        starts = self._container(of_reconcile=True)
        await asyncio.gather(*(self._read_list(starts) for _ in range(self._traffic.lists)))

    async def _read_list(self, starts: Starts) -> None:
        while self._pages > 0 or not self._traffic.pages:
            self._pages -= 1
            try:
                await starts.get(StripeRequest(LIST, ApiChannel.GA, context=None))
            except TransientError:
                await asyncio.sleep(1.0)
            else:
                self.result.pages_at.append(self._loop.time())


def run(seed: int, traffic: Traffic, limiter: Limiter = shared) -> Result:
    """A run to its end: all objects are stored, and all pages are read."""

    async def all_of_it() -> Result:
        model = Model(random, traffic, limiter)
        await model.run()
        return model.result

    random = Random(seed)
    work: Coroutine[Any, Any, Result] = all_of_it()
    return SimulatedLoop(random, max_steps=50_000_000).run(work)  # type: ignore[abstract]  # the flows need no sockets


def evenly(rate: float, seconds: float) -> list[float]:
    """Arrivals at a rate, one after the other."""
    return [number / rate for number in range(int(rate * seconds))]


def by_chance(seed: int, rate: float, seconds: float) -> list[float]:
    """Independent arrivals at a mean rate."""
    random, at, found = Random(seed), 0.0, []
    while (at := at + random.expovariate(rate)) < seconds:
        found.append(at)
    return found
