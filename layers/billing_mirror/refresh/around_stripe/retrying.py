"""Retries of requests to Stripe within one run: reconcile has no queue that would retry for it."""

from billing_mirror.core.errors import TransientError
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between one try and the next."""


class RetryingStripe(AroundStripe):
    """Implements ``ports.Stripe`` around another one. ``sent`` counts the requests, retries included."""

    def __init__(self, stripe: Stripe, clock: Clock) -> None:
        self._stripe = stripe
        self._clock = clock
        self.sent = 0

    async def get(self, request: StripeRequest) -> StripeResponse:
        for pause in PAUSES:
            self.sent += 1
            try:
                return await self._stripe.get(request)
            except TransientError as error:
                if (error.retry_after or 0.0) > PAUSES[-1]:
                    raise  # too long to wait here: the whole run would wait
                await self._clock.sleep(max(pause, error.retry_after or 0.0))
        self.sent += 1
        return await self._stripe.get(request)
