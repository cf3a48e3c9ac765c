"""Which v1 types offer a subscription to a customer? (docs.stripe.com/api)"""

from .object_types import Filter, ObjectType, StatusEffects, Sublist
from .v1_subscriptions import CLASSIC, CUSTOMER, CUSTOMER_ACCOUNT, TEST_CLOCK

TOTALS = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}

QUOTE_TYPES = (
    ObjectType(
        name="quote",
        prefix="qt",
        path="/v1/quotes/{id}",
        defaults={
            "amount_subtotal": 0,
            "amount_total": 0,
            "application": None,
            "application_fee_amount": None,
            "application_fee_percent": None,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "collection_method": "charge_automatically",
            "computed": {
                "recurring": None,
                "upfront": {"amount_subtotal": 0, "amount_total": 0, "line_items": [], "total_details": TOTALS},
            },
            "currency": "usd",
            "customer": None,
            "customer_account": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "footer": None,
            "from_quote": None,
            "header": None,
            "invoice": None,
            "invoice_settings": {"days_until_due": None, "issuer": {"type": "self"}},
            "line_items": [],
            "metadata": {},
            "number": None,
            "on_behalf_of": None,
            "status": "draft",
            "status_transitions": {"accepted_at": None, "canceled_at": None, "finalized_at": None},
            "subscription": None,
            "subscription_data": {
                "billing_mode": CLASSIC,
                "description": None,
                "effective_date": None,
                "metadata": {},
                "trial_period_days": None,
            },
            "subscription_schedule": None,
            "test_clock": None,
            "total_details": TOTALS,
            "transfer_data": None,
        },
        references={"customer": "customer", "test_clock": "test_helpers.test_clock"},
        events=frozenset({"created", "finalized", "accepted", "canceled"}),
        statuses={
            "status": {
                "draft": StatusEffects(),
                "open": StatusEffects(("finalized",), "finalized_at"),
                "accepted": StatusEffects(("accepted",), "accepted_at"),
                "canceled": StatusEffects(("canceled",), "canceled_at"),
            }
        },
        filters=(CUSTOMER, CUSTOMER_ACCOUNT, Filter("status"), TEST_CLOCK),
        times_at_creation=("expires_at",),
        listed_by_creation=False,
        clocks_listed_by=("test_clock", "customer"),
        expandable_objects=("discounts",),
        expandable=(
            "computed.recurring.total_details.breakdown",
            "computed.upfront.line_items",
            "computed.upfront.total_details.breakdown",
            "line_items",
            "total_details.breakdown",
        ),
        sublists=(
            Sublist("line_items", "item", "li", "/v1/quotes/{id}/line_items", expandable=("discounts", "taxes")),
            Sublist(
                "computed.upfront.line_items",
                "item",
                "li",
                "/v1/quotes/{id}/computed_upfront_line_items",
                expandable=("discounts", "taxes"),
            ),
        ),
        test_infix=False,
    ),
)
