"""Stripe, asked no faster than a container may: what ``adapters/stripe_api.py`` does before it sends a request."""

import asyncio
from collections.abc import Sequence

from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Retryable
from billing_mirror.core.pace import Pace
from billing_mirror.flows.ports import Answer, Clock, Stripe

A_MOMENT = 1e-6
"""Seconds that adding up pauses may be off."""


class Budget:
    """The pace of one container, which lives as long as it, and when it has asked for something."""

    def __init__(self, requests_per_second: float) -> None:
        self.requests_per_second = requests_per_second
        self.pace = Pace(requests_per_second)
        self.asked: list[float] = []

    def was_kept(self) -> bool:
        """Whether there were never more requests in a second than the rate, and the one that may come at once."""
        most = int(self.requests_per_second) + 1
        return all(later - first > 1.0 - A_MOMENT for first, later in zip(self.asked, self.asked[most:], strict=False))


class PacedStripe:
    """Implements ``flows.ports.Stripe`` in front of another one."""

    def __init__(self, stripe: Stripe, clock: Clock, budget: Budget) -> None:
        self._stripe = stripe
        self._clock = clock
        self._budget = budget
        self._turn = asyncio.Lock()

    @property
    def livemode(self) -> bool:
        return self._stripe.livemode

    def version(self, api: ApiLine) -> str:
        return self._stripe.version(api)

    async def get(
        self,
        path: str,
        *,
        api: ApiLine,
        context: str | None,
        include: Sequence[str] = (),
        event: str | None = None,
    ) -> Answer:
        pace = self._budget.pace
        async with self._turn:
            if pause := pace.wait(self._clock.now()):
                await self._clock.sleep(pause)
            pace.start(self._clock.now())
            self._budget.asked.append(self._clock.now())
        try:
            return await self._stripe.get(path, api=api, context=context, include=include, event=event)
        except Retryable as error:
            if error.throttled:
                pace.slow_down(self._clock.now())
            raise
