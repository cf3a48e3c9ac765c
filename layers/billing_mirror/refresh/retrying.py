"""Stripe, asked again on the spot when an answer may come later: for those whom no queue will call again."""

from collections.abc import Sequence

from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Retryable
from billing_mirror.ports import Answer, Clock, Stripe

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between one try and the next."""


class PatientStripe:
    """Implements ``ports.Stripe`` in front of another one. ``asked`` counts the requests, each try for itself."""

    def __init__(self, stripe: Stripe, clock: Clock) -> None:
        self._stripe = stripe
        self._clock = clock
        self.asked = 0

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
        for pause in PAUSES:
            self.asked += 1
            try:
                return await self._stripe.get(path, api=api, context=context, include=include, event=event)
            except Retryable as error:
                if (error.retry_after or 0.0) > PAUSES[-1]:
                    raise  # too long to stand and wait: all others wait for this one
                await self._clock.sleep(max(pause, error.retry_after or 0.0))
        self.asked += 1
        return await self._stripe.get(path, api=api, context=context, include=include, event=event)
