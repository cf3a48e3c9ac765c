"""A limit on the rate of requests to Stripe."""

import asyncio
from dataclasses import replace

from billing_mirror.core.errors import TransientError
from billing_mirror.core.rate_limiter import RateLimiter
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .around_stripe import AroundStripe


class RateLimitedStripe(AroundStripe):
    """Implements ``ports.Stripe`` around another one: requests start at the limiter's rate, and a 429 halves it."""

    def __init__(self, stripe: Stripe, clock: Clock, limiter: RateLimiter) -> None:
        self._stripe = stripe
        self._clock = clock
        self._limiter = limiter
        self._starting = asyncio.Lock()

    async def get(self, request: StripeRequest) -> StripeResponse:
        async with self._starting:
            if pause := self._limiter.wait(self._clock.now()):
                await self._clock.sleep(pause)
            self._limiter.start(self._clock.now())
        try:
            response = await self._stripe.get(request)
        except TransientError as error:
            if error.throttled:
                self._limiter.slow_down(self._clock.now())
            raise
        now = self._clock.now()
        return replace(response, next_at=now + self._limiter.wait(now))
