"""Typed views of mirrored objects, and what a quantity costs. They need the standard library only.

from billing_mirror.views import Invoice, RateCardRate, price

for invoice in map(Invoice.of, reader.by_status("invoice", "open")):
    print(invoice.number, invoice.amount_remaining, invoice.due_date)
for rate in map(RateCardRate.of, reader.children("rcd_...", RateCardRate.OBJECT_TYPE.name)):
    print(rate.words("usd"), price(rate, 1204331))
"""

from collections.abc import Mapping
from types import MappingProxyType

from . import money
from .customers import CreditGrant, Customer, Entitlements
from .invoices import Coupon, CreditNote, Invoice, InvoiceItem, Quote
from .prices import LicenseFee, Meter, Price, Product, RateCard, RateCardRate
from .pricing import NotPriced, Packages, Priced, Pricing, Rounding, Tier, TieringMode, price
from .subscriptions import Cadence, PricingPlanSubscription, RateCardSubscription, Subscription
from .view import Mirrored, View

__all__ = [
    "VIEWS",
    "Cadence",
    "Coupon",
    "CreditGrant",
    "CreditNote",
    "Customer",
    "Entitlements",
    "Invoice",
    "InvoiceItem",
    "LicenseFee",
    "Meter",
    "Mirrored",
    "NotPriced",
    "Packages",
    "Price",
    "Priced",
    "Pricing",
    "PricingPlanSubscription",
    "Product",
    "Quote",
    "RateCard",
    "RateCardRate",
    "RateCardSubscription",
    "Rounding",
    "Subscription",
    "Tier",
    "TieringMode",
    "View",
    "money",
    "price",
]

VIEWS: Mapping[str, type[View]] = MappingProxyType({one.OBJECT_TYPE.name: one for one in View.__subclasses__()})
"""Every view, by the name of its type."""
