"""Which v1 types does the stand-in know? (docs.stripe.com/api)

Numbers are JSON numbers, times are Unix seconds.
"""

from .object_types import Entering, Filter, ObjectType

V1_TYPES = (
    ObjectType(
        name="customer",
        prefix="cus",
        path="/v1/customers/{id}",
        defaults={
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "email": None,
            "invoice_prefix": None,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": {},
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        },
        events=frozenset({"created", "updated", "deleted"}),
        filters=(Filter("email"),),
        test_infix=False,
        page_size=10,
        stays_when_deleted=True,
    ),
    ObjectType(
        name="billing.meter",
        prefix="mtr",
        path="/v1/billing/meters/{id}",
        required=("display_name", "event_name"),
        defaults={
            "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
            "default_aggregation": {"formula": "sum"},
            "event_time_window": None,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": None,
            "value_settings": {"event_payload_key": "value"},
        },
        events=frozenset({"created", "updated"}),
        statuses={
            "status": {
                "active": Entering(("reactivated",)),
                "inactive": Entering(("deactivated",), "deactivated_at"),
            }
        },
        filters=(Filter("status", choices=("active", "inactive")),),
        page_size=10,
    ),
    ObjectType(
        name="product",
        prefix="prod",
        path="/v1/products/{id}",
        required=("name",),
        defaults={
            "active": True,
            "default_price": None,
            "description": None,
            "images": [],
            "marketing_features": [],
            "metadata": {},
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": None,
            "updated": None,
            "url": None,
        },
        events=frozenset({"created", "updated", "deleted"}),
        statuses={"active": {True: Entering(("activated",)), False: Entering(("deactivated",))}},
        filters=(Filter("active", choices=("true", "false")), Filter("ids", "id", kind="list")),
        test_infix=False,
        page_size=10,
    ),
)
