"""Stripe, asked no faster than a container may."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Retryable
from billing_mirror.core.rate_limiter import Pace
from billing_mirror.ports import Answer, Clock, Stripe


class PacedStripe:
    """Implements ``ports.Stripe`` in front of another one: requests wait for their turn, and a 429 slows all down."""

    def __init__(self, stripe: Stripe, clock: Clock, pace: Pace) -> None:
        self._stripe = stripe
        self._clock = clock
        self._pace = pace
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
        async with self._turn:
            if pause := self._pace.wait(self._clock.now()):
                await self._clock.sleep(pause)
            self._pace.start(self._clock.now())
        try:
            answer = await self._stripe.get(path, api=api, context=context, include=include, event=event)
        except Retryable as error:
            if error.throttled:
                self._pace.slow_down(self._clock.now())
            raise
        now = self._clock.now()
        return replace(answer, next_at=now + self._pace.wait(now))
