"""Work that starts at even intervals instead of all at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing_mirror.ports import Clock


class EvenSpread:
    """Spreads ``count`` slots evenly over the time until ``until`` (seconds since 1970), ``at_once`` of them parallel.

    Late slots start at once; the schedule is not shifted. Without time left, no slot waits.
    """

    def __init__(self, count: int, clock: Clock, *, at_once: int, until: float) -> None:
        self._clock = clock
        self._next_at = clock.now()
        self._interval = max(0.0, until - self._next_at) / max(1, count)
        self._semaphore = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Waits for the next slot, which lasts as long as the block."""
        async with self._semaphore:
            starts_at = self._next_at
            self._next_at += self._interval  # before the wait: the slot is taken
            if (pause := starts_at - self._clock.now()) > 0:
                await self._clock.sleep(pause)
            yield
