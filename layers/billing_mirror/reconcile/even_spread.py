"""Several things, begun at even intervals instead of all at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing_mirror.ports import Clock


class EvenSpread:
    """So many turns, spread evenly over the time until then (seconds since 1970), with some at once at the most.

    Who is late catches up: turns that take longer than the interval between them are not spread any further, and where
    there is no time left, none of them waits.
    """

    def __init__(self, count: int, clock: Clock, *, at_once: int, until: float) -> None:
        self._clock = clock
        self._next_at = clock.now()
        self._interval = max(0.0, until - self._next_at) / max(1, count)
        self._places = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Waits for the next turn, which lasts as long as the block."""
        async with self._places:
            mine = self._next_at
            self._next_at += self._interval  # before waiting: nobody else may take this turn
            if (pause := mine - self._clock.now()) > 0:
                await self._clock.sleep(pause)
            yield
