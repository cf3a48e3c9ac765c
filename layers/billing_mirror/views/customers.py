"""Views of customers and of what they own."""

from ..core.catalog import v1
from .fields import exact, flag, moment, objects, text, texts, whole
from .view import View


class Customer(View, of=v1.CUSTOMER):
    """https://docs.stripe.com/api/customers/object"""

    name = text("name")
    email = text("email")
    phone = text("phone")
    description = text("description")
    country = text("address.country")
    currency = text("currency")
    balance = exact("balance")
    """What the next invoice takes into account: negative is credit."""
    delinquent = flag("delinquent")
    tax_exempt = text("tax_exempt")
    default_payment_method = text("invoice_settings.default_payment_method")
    test_clock = text("test_clock")
    metadata = texts("metadata")


class Entitlements(View, of=v1.ENTITLEMENTS):
    """What a customer may use: https://docs.stripe.com/api/entitlements/active-entitlement"""

    entries = objects("")

    @property
    def lookup_keys(self) -> frozenset[str]:
        """The lookup keys of the features."""
        return frozenset(key for entry in self.entries if isinstance(key := entry.get("lookup_key"), str))


class CreditGrant(View, of=v1.CREDIT_GRANT):
    """https://docs.stripe.com/api/billing/credit-grant/object"""

    customer = text("customer")
    name = text("name")
    category = text("category")
    amount = exact("amount.monetary.value")
    currency = text("amount.monetary.currency")
    priority = whole("priority")
    effective_at = moment("effective_at")
    expires_at = moment("expires_at")
    voided_at = moment("voided_at")
    metadata = texts("metadata")
