"""Requests to Stripe within the budget that all containers share."""

from dataclasses import replace

from billing_mirror.core.errors import TransientError
from billing_mirror.core.stripe_api.budget import limited_bucket
from billing_mirror.core.stripe_api.endpoints import endpoint
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe
from .shared_budget import SharedBudget


class RateLimitedStripe(AroundStripe):
    """Implements ``ports.Stripe`` around another one: requests start as the budget allows.

    A 429 slows down the endpoint that it is about, or all of the account where Stripe says so.
    """

    def __init__(self, stripe: Stripe, clock: Clock, budget: SharedBudget) -> None:
        self._stripe = stripe
        self._clock = clock
        self._budget = budget

    async def get(self, request: StripeRequest) -> StripeResponse:
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
