"""Stripe, asked no faster than a container may."""

import asyncio
from dataclasses import replace

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import TransientError
from billing_mirror.core.rate_limiter import RateLimiter
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse


class RateLimitedStripe:
    """Implements ``ports.Stripe`` in front of another one: requests wait for their turn, and a 429 slows all down."""

    def __init__(self, stripe: Stripe, clock: Clock, pace: RateLimiter) -> None:
        self._stripe = stripe
        self._clock = clock
        self._pace = pace
        self._turn = asyncio.Lock()

    @property
    def livemode(self) -> bool:
        return self._stripe.livemode

    def version(self, api: ApiChannel) -> str:
        return self._stripe.version(api)

    async def get(self, request: StripeRequest) -> StripeResponse:
        async with self._turn:
            if pause := self._pace.wait(self._clock.now()):
                await self._clock.sleep(pause)
            self._pace.start(self._clock.now())
        try:
            answer = await self._stripe.get(request)
        except TransientError as error:
            if error.throttled:
                self._pace.slow_down(self._clock.now())
            raise
        now = self._clock.now()
        return replace(answer, next_at=now + self._pace.wait(now))
