"""A container's part in the budget of requests to Stripe that all containers share."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.budget import (
    ACCOUNT,
    BUDGET_PARTITION,
    BUDGET_SORT_KEY,
    LIVE_LIMIT,
    Budget,
    Limits,
    Wanted,
)
from billing_mirror.ports import Clock, StateStore

INTERVAL = 0.5
"""Seconds between two reservations of a container in the long run: two writes a second at most.

Less only where the limit is above Stripe's usual one.
"""
INTERVAL_OF_RECONCILE = 0.2
"""The same of reconcile, of which one container runs: it often sends one request after the other, each to another
endpoint, so each needs a reservation of its own."""
AT_ONCE = 4
"""Reservations that may follow each other after a rest: a lone event needs one for each of its requests."""
COLLECT = 0.015
"""Seconds that a reservation waits for the other requests of its batch, unless the container comes from a rest."""
MAX_LATE = 0.5
"""Seconds by which a request may start after its reserved start: later, it reserves another one."""
TABLE_TIME = 1.0
"""Seconds that the table has for a reservation."""
ALONE_FOR = 10.0
"""Seconds for which a container keeps to its static share when the table has failed."""
OTHERS_FOR = 10.0
"""Seconds for which a container reads the budget first, after it has met another one's write."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that waits for its start."""

    wanted: Wanted
    starts_at: float | None = None
    work: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)


def _starts_at(one: _Waiting) -> float:
    return one.starts_at or 0.0


class SharedBudget:
    """Lets requests start as the shared budget allows. Where the table fails, a static share of the limits applies.

    ``on_alone`` is called whenever the table has failed. Nothing that a refresh needs depends on the table here: a
    failure may slow requests down, and never fails one.
    """

    def __init__(
        self,
        state_store: StateStore,
        scope: Scope,
        clock: Clock,
        limits: Limits,
        *,
        containers: int = 1,
        of_reconcile: bool = False,
        on_alone: Callable[[], None],
    ) -> None:
        self._state_store = state_store
        self._scope = scope
        self._clock = clock
        self._limits = limits
        usual = INTERVAL_OF_RECONCILE if of_reconcile else INTERVAL
        self._interval = usual * min(1.0, LIVE_LIMIT / limits.account)
        self._own_limits = limits.static_share(containers, of_reconcile=of_reconcile)
        self._own = Budget()
        self._of_reconcile = of_reconcile
        self._on_alone = on_alone
        self._known: Budget | None = None
        self._waiting: list[_Waiting] = []
        self._spare: dict[str, list[float]] = defaultdict(list)
        self._came: dict[str, list[float]] = defaultdict(list)
        self._slowed: dict[str, float] = {}
        self._is_reserving = False
        self._next_reservation = 0.0
        self._alone_until = 0.0
        self._others_until = 0.0

    async def start(self, endpoint: str, *, work: int = 0) -> None:
        """Waits until a request to the endpoint may start; requests of ``work`` with a lower number go first."""
        now = self._clock.now()
        self._came[endpoint].append(now)
        one = _Waiting(Wanted(endpoint, now, self._of_reconcile), self._take_spare(endpoint, now), work)
        if one.starts_at is None:
            self._go_before_later_work(one)
        self._waiting.append(one)
        try:
            while not await self._has_started(one):
                pass
        finally:
            self._waiting.remove(one)

    def slow_down(self, bucket: str) -> None:
        """Stripe answered 429. What is reserved for requests to come was reserved at the former rate."""
        self._slowed[bucket] = self._clock.now()
        for endpoint in [one for one in self._spare if bucket in (one, ACCOUNT)]:
            del self._spare[endpoint]

    def next_at(self, now: float) -> float:
        """When the next request may start, if requests use the container's whole rate (seconds since 1970)."""
        return now + 1.0 / (self._limits.reconcile if self._of_reconcile else self._limits.account)

    async def _has_started(self, one: _Waiting) -> bool:
        if one.starts_at is None:
            await self._reserve_or_wait(one)
            return False
        if (pause := one.starts_at - self._clock.now()) > 0:
            await self._clock.sleep(pause)
            return False  # earlier work may have taken the start meanwhile
        if self._clock.now() - one.starts_at <= MAX_LATE:
            return True
        one.starts_at = None  # the container was frozen meanwhile, and others have started since
        return False

    def _go_before_later_work(self, one: _Waiting) -> None:
        """Takes the next start that work which started later has at the same endpoint: what is started should end."""
        later = [
            other
            for other in self._waiting
            if other.starts_at is not None and other.work > one.work and other.wanted.endpoint == one.wanted.endpoint
        ]
        if later:
            first = min(later, key=_starts_at)
            one.starts_at, first.starts_at = first.starts_at, None

    async def _reserve_or_wait(self, one: _Waiting) -> None:
        """Reserves starts for all requests that wait, unless another of them is reserving."""
        if self._is_reserving:
            await one.woken.wait()
            one.woken.clear()
            return
        self._is_reserving = True
        try:
            await self._keep_interval()
            await self._reserve()
        finally:
            self._is_reserving = False
            for waiting in self._waiting:
                waiting.woken.set()

    async def _keep_interval(self) -> None:
        now = self._clock.now()
        earliest = min(self._next_reservation, now + AT_ONCE * self._interval)
        busy = self._next_reservation > now
        if (pause := max(earliest - (AT_ONCE - 1) * self._interval - now, COLLECT * busy)) > 0:
            await self._clock.sleep(pause)
        self._next_reservation = max(self._clock.now(), earliest) + self._interval

    async def _reserve(self) -> None:
        waiting = sorted((one for one in self._waiting if one.starts_at is None), key=lambda one: one.work)
        expected = self._expected(self._clock.now())
        starts = await self._starts([*(one.wanted for one in waiting), *expected])
        for one, starts_at in zip(waiting, starts, strict=False):
            one.starts_at = starts_at
        for spare, starts_at in zip(expected, starts[len(waiting) :], strict=True):
            if starts_at is not None:
                self._spare[spare.endpoint].append(starts_at)

    def _expected(self, now: float) -> list[Wanted]:
        """As many requests as came lately, less those that have a start already: the next ones need not wait."""
        for endpoint, times in [*self._came.items()]:
            self._came[endpoint] = [at for at in times if at > now - self._interval]
            self._spare[endpoint] = [at for at in self._spare[endpoint] if at > now - MAX_LATE]
        missing = Counter({name: len(times) - len(self._spare[name]) for name, times in self._came.items()})
        return [Wanted(name, now, self._of_reconcile, spare=True) for name in missing.elements()]

    def _take_spare(self, endpoint: str, now: float) -> float | None:
        while spare := self._spare[endpoint]:
            if (starts_at := spare.pop(0)) > now - MAX_LATE:
                return starts_at
        return None

    async def _starts(self, wanted: list[Wanted]) -> list[float | None]:
        if self._clock.now() >= self._alone_until:
            try:
                async with asyncio.timeout(TABLE_TIME):
                    return await self._shared_starts(wanted)
            except (TransientError, TimeoutError):
                self._alone_until = self._clock.now() + ALONE_FOR
                self._known = None
                self._on_alone()
        self._own = self._own.slowed(self._slowed.items(), self._own_limits)
        self._own, starts = self._own.reserve(wanted, self._own_limits, self._clock.now())
        return starts

    async def _shared_starts(self, wanted: list[Wanted]) -> list[float | None]:
        while True:
            known = await self._known_budget()
            now = self._clock.now()
            slowed = known.slowed(self._slowed.items(), self._limits)
            reserved, starts = slowed.reserve(wanted, self._limits, now)
            if reserved == known:
                return starts  # nothing to write
            if await self._write(known, reserved, now):
                self._slowed.clear()
                return starts

    async def _known_budget(self) -> Budget:
        """The budget as it is, or as this container has left it where it seems to be the only one."""
        if self._known is not None and self._clock.now() >= self._others_until:
            return self._known
        stored = await self._state_store.last(self._scope, BUDGET_PARTITION, BUDGET_SORT_KEY)
        return Budget.from_item(stored) if stored is not None else Budget()

    async def _write(self, known: Budget, reserved: Budget, now: float) -> bool:
        entry = reserved.to_item(now)
        if known.version:
            written = await self._state_store.write(
                self._scope, BUDGET_PARTITION, BUDGET_SORT_KEY, entry, expected={"version": known.version}
            )
        else:
            written = await self._state_store.write(
                self._scope, BUDGET_PARTITION, BUDGET_SORT_KEY, entry, if_absent=True
            )
        self._known = Budget.from_item(entry) if written else None
        if not written:
            self._others_until = now + OTHERS_FOR
        return written
