"""Which filters, statuses and defaults do several v2.billing types share?"""

from .object_types import Body, Filter, StatusEffects, Statuses

PAYER = Filter("payer", "payer.customer", kind="payer", names="customer", exclusive=True)
PAYER_OF_CADENCE = Filter("payer", "payer.customer", "payer", "billing_cadence", "customer", exclusive=True)
LOOKUP_KEYS = Filter("lookup_keys", "lookup_key", kind="list")
ONLY_LOOKUP_KEYS = Filter("lookup_keys", "lookup_key", kind="list", exclusive=True)
ACTIVE = Filter("active", choices=("true", "false"))
ONLY_ACTIVE = Filter("active", choices=("true", "false"), exclusive=True)
OF_CADENCE = Filter("billing_cadence", names="v2.billing.cadence", exclusive=True)
SERVICING_STATUS = Filter("servicing_status", choices=("active", "canceled", "paused", "pending"))

COLLECTION: Statuses = {
    status: StatusEffects((f"collection_{status}",), f"{status}_at")
    for status in ("awaiting_customer_action", "current", "past_due", "paused", "unpaid")
}
COLLECTION_EVENTS = frozenset(name for effects in COLLECTION.values() for name in effects.events)
SERVICING_EVENTS = frozenset({"servicing_activated", "servicing_paused", "servicing_canceled"})

SERVICE_CYCLE: Body = {"interval": "month", "interval_count": 1}
PRICING: Body = {"tiering_mode": None, "tiers": [], "transform_quantity": None, "unit_amount": None}
