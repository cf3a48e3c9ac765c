"""Stripe as one connected account sees it: every request carries the account's context.

https://docs.stripe.com/context
"""

from dataclasses import replace

from billing_mirror.ports import Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe


class InContext(AroundStripe):
    """Implements ``ports.Stripe`` around another one. No request can reach another account."""

    def __init__(self, stripe: Stripe, context: str) -> None:
        self._stripe = stripe
        self._context = context

    async def get(self, request: StripeRequest) -> StripeResponse:
        return await self._stripe.get(replace(request, context=self._context))
