"""What everything forwards that stands around Stripe and changes how requests are made."""

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.ports import Stripe


class AroundStripe:
    """The part of ``ports.Stripe`` that stays the same: the mode and the versions of the one within."""

    _stripe: Stripe

    @property
    def livemode(self) -> bool:
        return self._stripe.livemode

    def version(self, api: ApiChannel) -> str:
        return self._stripe.version(api)
