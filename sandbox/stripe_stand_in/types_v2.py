"""Which v2.billing types does the stand-in know? (docs.stripe.com/api/v2, preview versions)

Amounts and decimals are strings, times are RFC 3339.
"""

from .object_types import Entering, Filter, ObjectType

PAYER = Filter("payer", "payer.customer", kind="payer", names="customer", exclusive=True)
LOOKUP_KEYS = Filter("lookup_keys", "lookup_key", kind="list")
ONLY_LOOKUP_KEYS = Filter("lookup_keys", "lookup_key", kind="list", exclusive=True)


V2_TYPES = (
    ObjectType(
        name="v2.billing.profile",
        prefix="bilp",
        path="/v2/billing/profiles/{id}",
        missing="not_found",
        defaults={
            "customer": None,
            "default_payment_method": None,
            "display_name": None,
            "lookup_key": None,
            "metadata": {},
            "status": "active",
        },
        references={"customer": "customer"},
        filters=(
            Filter("customer", names="customer", exclusive=True),
            Filter("default_payment_method", exclusive=True),
            ONLY_LOOKUP_KEYS,
            Filter("status", choices=("active", "inactive")),
        ),
        page_size=10,
    ),
    ObjectType(
        name="v2.billing.cadence",
        prefix="bc",
        path="/v2/billing/cadences/{id}",
        missing="billing_cadence_not_found",
        required=("payer",),
        defaults={
            "billing_cycle": {
                "type": "month",
                "interval_count": 1,
                "day": None,
                "week": None,
                "month": {
                    "day_of_month": 1,
                    "month_of_year": None,
                    "time": {"hour": 0, "minute": 0, "second": 0},
                },
                "year": None,
            },
            "invoice_discount_rules": [],
            "lookup_key": None,
            "metadata": {},
            "next_billing_date": None,
            "settings": None,
            "settings_data": None,
            "status": "active",
            "test_clock": None,
        },
        events=frozenset({"created"}),
        statuses={"status": {"active": Entering(), "canceled": Entering(("canceled",))}},
        event_data={"created": {"created": "created"}},
        filters=(PAYER, ONLY_LOOKUP_KEYS, Filter("test_clock", exclusive=True)),
        gated=("invoice_discount_rules", "settings_data"),
    ),
    ObjectType(
        name="v2.billing.metered_item",
        prefix="bli",
        path="/v2/billing/metered_items/{id}",
        missing="metered_item_not_found",
        required=("display_name", "meter"),
        defaults={
            "invoice_presentation_dimensions": [],
            "lookup_key": None,
            "metadata": {},
            "meter_segment_conditions": [],
            "tax_details": None,
            "unit_label": None,
        },
        references={"meter": "billing.meter"},
        events=frozenset({"created", "updated"}),
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.rate_card",
        prefix="rcd",
        path="/v2/billing/rate_cards/{id}",
        missing="rate_card_not_found",
        required=("display_name",),
        defaults={
            "active": True,
            "currency": "usd",
            "live_version": None,
            "lookup_key": None,
            "metadata": {},
            "service_cycle": {"interval": "month", "interval_count": 1},
            "tax_behavior": "exclusive",
        },
        events=frozenset({"created", "updated"}),
        event_data={"created": {"created": "created"}},
        filters=(Filter("active", choices=("true", "false")), LOOKUP_KEYS),
    ),
    ObjectType(
        name="v2.billing.rate_card_version",
        prefix="rcdv",
        path="/v2/billing/rate_cards/{rate_card_id}/versions/{id}",
        missing="rate_card_version_not_found",
        required=("rate_card_id",),
        references={"rate_card_id": "v2.billing.rate_card"},
        parent="rate_card_id",
        events=frozenset({"created"}),
        event_data={"created": {"rate_card_id": "rate_card_id"}},
    ),
    ObjectType(
        name="v2.billing.rate_card_rate",
        prefix="rcdr",
        path="/v2/billing/rate_cards/{rate_card_id}/rates/{id}",
        missing="rate_card_rate_not_found",
        required=("rate_card", "metered_item"),
        defaults={
            "custom_pricing_unit_amount": None,
            "metadata": {},
            "rate_card_version": None,
            "tiering_mode": None,
            "tiers": [],
            "transform_quantity": None,
            "unit_amount": None,
        },
        references={"rate_card": "v2.billing.rate_card", "metered_item": "v2.billing.metered_item"},
        parent="rate_card",
        events=frozenset({"created"}),
        event_data={
            "created": {
                "billable_item": "metered_item",
                "created": "created",
                "rate_card": "rate_card",
                "rate_card_version": "rate_card_version",
            }
        },
        filters=(Filter("metered_item", names="v2.billing.metered_item"),),
        embeds=("metered_item",),
        members="rate_card_version",
    ),
    ObjectType(
        name="v2.billing.rate_card_subscription",
        prefix="rcds",
        path="/v2/billing/rate_card_subscriptions/{id}",
        missing="rate_card_subscription_not_found",
        required=("billing_cadence", "rate_card"),
        defaults={
            "collection_status": "current",
            "collection_status_transitions": None,
            "metadata": {},
            "rate_card_version": None,
            "servicing_status": "active",
            "servicing_status_transitions": None,
            "test_clock": None,
        },
        references={
            "billing_cadence": "v2.billing.cadence",
            "rate_card": "v2.billing.rate_card",
            "rate_card_version": "v2.billing.rate_card_version",
        },
        statuses={
            "servicing_status": {
                "pending": Entering(),
                "active": Entering(("activated", "servicing_activated"), "activated_at"),
                "paused": Entering(("servicing_paused",), "paused_at"),
                "canceled": Entering(("canceled", "servicing_canceled"), "canceled_at"),
            },
            "collection_status": {
                status: Entering((f"collection_{status}",), f"{status}_at")
                for status in ("awaiting_customer_action", "current", "past_due", "paused", "unpaid")
            },
        },
        announced_at_birth="servicing_status",
        filters=(
            Filter("billing_cadence", names="v2.billing.cadence", exclusive=True),
            Filter("payer", "payer.customer", "payer", "billing_cadence", "customer", exclusive=True),
            Filter("rate_card", names="v2.billing.rate_card", exclusive=True),
            Filter("rate_card_version", names="v2.billing.rate_card_version", exclusive=True),
            Filter("servicing_status", choices=("active", "canceled", "paused", "pending")),
        ),
        closed=("servicing_status", "canceled"),
        unique=("billing_cadence", "rate_card"),
        omits_nulls=True,
    ),
)
