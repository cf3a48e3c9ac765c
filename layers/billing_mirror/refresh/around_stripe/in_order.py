"""Requests to Stripe that name the work they belong to: work that started earlier is served first."""

from dataclasses import replace

from billing_mirror.ports import Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe


class InOrder(AroundStripe):
    """Implements ``ports.Stripe`` around another one, for one object: its requests carry its number."""

    def __init__(self, stripe: Stripe, number: int) -> None:
        self._stripe = stripe
        self._number = number

    async def get(self, request: StripeRequest) -> StripeResponse:
        return await self._stripe.get(replace(request, work=self._number))
