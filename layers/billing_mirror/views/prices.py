"""Views of what is sold and how it is measured. Those with a price have ``pricing`` and ``words``."""

from ..core.catalog import v1, v2
from . import words
from .fields import exact, flag, moment, text, texts, whole
from .pricing import Pricing, v1_pricing, v2_pricing
from .view import View


class Product(View, of=v1.PRODUCT):
    """https://docs.stripe.com/api/products/object"""

    name = text("name")
    active = flag("active")
    description = text("description")
    default_price = text("default_price")
    unit_label = text("unit_label")
    updated = moment("updated")
    metadata = texts("metadata")


class Meter(View, of=v1.METER):
    """https://docs.stripe.com/api/billing/meter/object"""

    display_name = text("display_name")
    event_name = text("event_name")
    status = text("status")
    formula = text("default_aggregation.formula")
    event_time_window = text("event_time_window")


class Price(View, of=v1.PRICE):
    """https://docs.stripe.com/api/prices/object"""

    product = text("product")
    active = flag("active")
    currency = text("currency")
    nickname = text("nickname")
    lookup_key = text("lookup_key")
    kind = text("type")
    interval = text("recurring.interval")
    interval_count = whole("recurring.interval_count")
    usage_type = text("recurring.usage_type")
    meter = text("recurring.meter")
    billing_scheme = text("billing_scheme")
    unit_amount = exact("unit_amount_decimal")
    tax_behavior = text("tax_behavior")
    metadata = texts("metadata")

    @property
    def pricing(self) -> Pricing:
        """Raises :class:`NotPriced`."""
        return v1_pricing(self.id, self.body)

    def words(self) -> str:
        """Such as "first 1,000 free, then $0.002 each". Raises :class:`NotPriced`."""
        return words.describe(self.pricing, self.currency or "")


class RateCard(View, of=v2.RATE_CARD):
    """https://docs.stripe.com/api/v2/rate-cards"""

    display_name = text("display_name")
    active = flag("active")
    currency = text("currency")
    live_version = text("live_version")
    lookup_key = text("lookup_key")
    interval = text("service_cycle.interval")
    interval_count = whole("service_cycle.interval_count")
    tax_behavior = text("tax_behavior")
    metadata = texts("metadata")


class RateCardRate(View, of=v2.RATE):
    """https://docs.stripe.com/api/v2/rate-cards

    The currency is the rate card's.
    """

    rate_card = text("rate_card")
    rate_card_version = text("rate_card_version")
    metered_item = text("metered_item")
    display_name = text("metered_item.display_name")
    unit_label = text("metered_item.unit_label")
    meter = text("metered_item.meter")
    unit_amount = exact("unit_amount")
    metadata = texts("metadata")

    @property
    def pricing(self) -> Pricing:
        """Raises :class:`NotPriced`."""
        return v2_pricing(self.id, self.body)

    def words(self, currency: str) -> str:
        """Such as "first 1,000 free, then $0.002 each". Raises :class:`NotPriced`."""
        return words.describe(self.pricing, currency, self.unit_label)


class LicenseFee(View, of=v2.LICENSE_FEE):
    """https://docs.stripe.com/api/v2/pricing-plans"""

    display_name = text("display_name")
    active = flag("active")
    currency = text("currency")
    live_version = text("live_version")
    licensed_item = text("licensed_item")
    unit_label = text("licensed_item.unit_label")
    lookup_key = text("lookup_key")
    unit_amount = exact("unit_amount")
    metadata = texts("metadata")

    @property
    def pricing(self) -> Pricing:
        """Raises :class:`NotPriced`."""
        return v2_pricing(self.id, self.body)

    def words(self) -> str:
        """Such as "$19.00 per seat". Raises :class:`NotPriced`."""
        return words.describe(self.pricing, self.currency or "", self.unit_label)
