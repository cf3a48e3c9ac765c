"""Which v2.billing types make a rate card, and what can be priced? (docs.stripe.com/api/v2, preview versions)

Amounts and decimals are strings, times are RFC 3339.
"""

from .object_types import Body, Filter, ObjectType
from .v2_filters import ACTIVE, LOOKUP_KEYS, ONLY_ACTIVE, ONLY_LOOKUP_KEYS, PRICING, SERVICE_CYCLE

ITEM: Body = {"lookup_key": None, "metadata": {}, "tax_details": None, "unit_label": None}

RATE_TYPES = (
    ObjectType(
        name="v2.billing.metered_item",
        prefix="bli",
        path="/v2/billing/metered_items/{id}",
        required=("display_name", "meter"),
        defaults=ITEM | {"invoice_presentation_dimensions": [], "meter_segment_conditions": []},
        references={"meter": "billing.meter"},
        events=frozenset({"created", "updated"}),
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.licensed_item",
        prefix="bli",
        path="/v2/billing/licensed_items/{id}",
        required=("display_name",),
        defaults=ITEM,
        events=frozenset({"created", "updated"}),
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.one_time_item",
        prefix="bli",
        path="/v2/billing/one_time_items/{id}",
        required=("display_name",),
        defaults=ITEM,
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.custom_pricing_unit",
        prefix="cpu",
        path="/v2/billing/custom_pricing_units/{id}",
        required=("display_name",),
        defaults={"active": True, "lookup_key": None, "metadata": {}},
        filters=(ONLY_ACTIVE, ONLY_LOOKUP_KEYS),
    ),
    ObjectType(
        name="v2.billing.rate_card",
        prefix="rcd",
        path="/v2/billing/rate_cards/{id}",
        required=("display_name",),
        defaults={
            "active": True,
            "currency": "usd",
            "live_version": None,
            "lookup_key": None,
            "metadata": {},
            "service_cycle": SERVICE_CYCLE,
            "tax_behavior": "exclusive",
        },
        events=frozenset({"created", "updated"}),
        event_data={"created": {"created": "created"}},
        filters=(ACTIVE, LOOKUP_KEYS),
    ),
    ObjectType(
        name="v2.billing.rate_card_version",
        prefix="rcdv",
        path="/v2/billing/rate_cards/{rate_card_id}/versions/{id}",
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
        required=("rate_card", "metered_item"),
        defaults=PRICING | {"custom_pricing_unit_amount": None, "metadata": {}, "rate_card_version": None},
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
        name="v2.billing.rate_card_custom_pricing_unit_overage_rate",
        prefix="cpuor",
        path="/v2/billing/rate_cards/{rate_card_id}/custom_pricing_unit_overage_rates/{id}",
        required=("rate_card", "custom_pricing_unit", "one_time_item", "unit_amount"),
        defaults={"metadata": {}, "rate_card_version": None},
        references={
            "rate_card": "v2.billing.rate_card",
            "custom_pricing_unit": "v2.billing.custom_pricing_unit",
            "one_time_item": "v2.billing.one_time_item",
        },
        parent="rate_card",
        events=frozenset({"created"}),
        event_data={
            "created": {
                "created": "created",
                "custom_pricing_unit": "custom_pricing_unit",
                "rate_card": "rate_card",
                "rate_card_version": "rate_card_version",
            }
        },
        embeds=("one_time_item",),
        members="rate_card_version",
    ),
)
