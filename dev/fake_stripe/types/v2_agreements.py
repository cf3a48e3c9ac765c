"""Which v2.billing types are contracts, and settings of their bills? (docs.stripe.com/api/v2, preview versions)

Stripe publishes no ids of these types: their prefixes are made up.
"""

from .object_types import Body, Filter, ObjectType, StatusEffects
from .v2_filters import LOOKUP_KEYS

BILL: Body = {"calculation": None, "invoice": None, "invoice_rendering_template": None}
COLLECTING: Body = {
    "collection_method": "automatic",
    "email_delivery": None,
    "payment_method_configuration": None,
    "payment_method_options": None,
}
SETTING: Body = {"display_name": None, "latest_version": None, "live_version": None, "lookup_key": None}
COLLECTION = ("blocked", "current", "past_due", "unpaid")

CONTRACT_TYPES = (
    ObjectType(
        name="v2.billing.bill_setting",
        prefix="bset",
        path="/v2/billing/bill_settings/{id}",
        defaults=BILL | SETTING,
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.bill_setting_version",
        prefix="bsetv",
        path="/v2/billing/bill_settings/{bill_setting_id}/versions/{id}",
        defaults=BILL,
        nested_in="v2.billing.bill_setting",
    ),
    ObjectType(
        name="v2.billing.collection_setting",
        prefix="cset",
        path="/v2/billing/collection_settings/{id}",
        defaults=COLLECTING | SETTING,
        filters=(LOOKUP_KEYS,),
    ),
    ObjectType(
        name="v2.billing.collection_setting_version",
        prefix="csetv",
        path="/v2/billing/collection_settings/{collection_setting_id}/versions/{id}",
        defaults=COLLECTING,
        nested_in="v2.billing.collection_setting",
    ),
    ObjectType(
        name="v2.billing.contract",
        prefix="bctr",
        path="/v2/billing/contracts/{id}",
        required=("customer",),
        defaults={
            "billing_cycle_anchor": None,
            "billing_settings": None,
            "collection_status": "current",
            "collection_status_transitions": {f"{status}_at": None for status in COLLECTION},
            "contract_number": "1",
            "currency": "usd",
            "metadata": {},
            "one_time_fees": {"data": []},
            "pricing_lines": {"data": []},
            "pricing_overrides": {"data": []},
            "status": "draft",
            "status_transitions": {"activated_at": None, "canceled_at": None, "ended_at": None},
        },
        references={"customer": "customer"},
        events=frozenset({"created", "updated", "activated", "ended", "canceled"})
        | {f"collection_{status}" for status in COLLECTION},
        statuses={
            "status": {
                "draft": StatusEffects(),
                "active": StatusEffects(("activated",), "activated_at"),
                "ended": StatusEffects(("ended",), "ended_at"),
                "canceled": StatusEffects(("canceled",), "canceled_at"),
            },
            "collection_status": {
                status: StatusEffects((f"collection_{status}",), f"{status}_at") for status in COLLECTION
            },
        },
        filters=(Filter("customer", names="customer"),),
        includable=("billing_settings", "one_time_fees", "pricing_lines", "pricing_overrides"),
    ),
    ObjectType(
        name="v2.billing.intent",
        prefix="bint",
        path="/v2/billing/intents/{id}",
        defaults={
            "amount_details": {
                "amount_due": "0",
                "currency": "usd",
                "customer_balance_applied": "0",
                "discount": "0",
                "shipping": "0",
                "subtotal": "0",
                "tax": "0",
                "total": "0",
            },
            "cadence": None,
            "cadence_data": None,
            "currency": "usd",
            "status": "draft",
            "status_transitions": {
                "canceled_at": None,
                "committed_at": None,
                "drafted_at": None,
                "expires_at": "2100-01-01T00:00:00.000Z",
                "reserved_at": None,
            },
        },
        references={"cadence": "v2.billing.cadence"},
        statuses={
            "status": {
                "draft": StatusEffects(stamp="drafted_at"),
                "reserved": StatusEffects(stamp="reserved_at"),
                "committed": StatusEffects(stamp="committed_at"),
                "canceled": StatusEffects(stamp="canceled_at"),
            }
        },
        events_at_creation="status",
        page_size=10,
    ),
    ObjectType(
        name="v2.billing.intent_action",
        prefix="binta",
        path="/v2/billing/intents/{intent_id}/actions/{id}",
        required=("type",),
        defaults={"apply": None, "deactivate": None, "modify": None, "remove": None, "subscribe": None},
        nested_in="v2.billing.intent",
        page_size=10,
    ),
)
