"""Requests to Stripe within the budget that all containers share."""

from dataclasses import replace

from billing_mirror.core.errors import TransientError
from billing_mirror.core.stripe_api.budget import limited_bucket
from billing_mirror.core.stripe_api.endpoints import endpoint
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe
from .shared_budget import SharedBudget

PAUSE = 0.5
"""Seconds before a request is tried once more that Stripe has refused with 429: its limits are limits of a second.

https://docs.stripe.com/rate-limits
"""


class RateLimitedStripe(AroundStripe):
    """Implements ``ports.Stripe`` around another one: requests start as the budget allows.

    A 429 slows down the endpoint that it is about, or all of the account where Stripe says so. With ``tries_again``,
    the request is tried once more: a message would wait for seconds in the queue.
    """

    def __init__(self, stripe: Stripe, clock: Clock, budget: SharedBudget, *, tries_again: bool = False) -> None:
        self._stripe = stripe
        self._clock = clock
        self._budget = budget
        self._tries_again = tries_again

    async def get(self, request: StripeRequest) -> StripeResponse:
        try:
            return await self._get(request)
        except TransientError as error:
            if not self._tries_again or not error.throttled or error.retry_after is not None:
                raise
        await self._clock.sleep(PAUSE)
        return await self._get(request)

    async def _get(self, request: StripeRequest) -> StripeResponse:
        name = endpoint(request.path)
        await self._budget.start(name, work=request.work)
        next_at = self._budget.next_at(self._clock.now())
        try:
            response = await self._stripe.get(request)
        except TransientError as error:
            if error.throttled:
                self._budget.slow_down(limited_bucket(name, error.limited_by))
            raise
        return replace(response, next_at=max(self._clock.now(), next_at))
