"""Which object types exist?"""

from collections.abc import Mapping

from . import (
    v1_catalog,
    v1_customers,
    v1_invoices,
    v1_quotes,
    v1_subscriptions,
    v1_usage,
    v2_agreements,
    v2_customers,
    v2_plans,
    v2_rates,
)
from .object_types import ObjectType

OBJECT_TYPES: Mapping[str, ObjectType] = {
    object_type.name: object_type
    for object_type in (
        *v2_rates.RATE_TYPES,
        *v2_plans.PLAN_TYPES,
        *v2_customers.CUSTOMER_TYPES,
        *v2_agreements.CONTRACT_TYPES,
        *v1_catalog.CATALOG_TYPES,
        *v1_usage.USAGE_TYPES,
        *v1_customers.CUSTOMER_TYPES,
        *v1_subscriptions.SUBSCRIPTION_TYPES,
        *v1_quotes.QUOTE_TYPES,
        *v1_invoices.INVOICE_TYPES,
    )
}
