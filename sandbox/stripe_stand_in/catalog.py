"""Which object types are there?"""

from collections.abc import Mapping

from . import (
    types_v1_catalog,
    types_v1_customers,
    types_v1_invoices,
    types_v1_quotes,
    types_v1_subscriptions,
    types_v1_usage,
    types_v2_agreements,
    types_v2_customers,
    types_v2_plans,
    types_v2_rates,
)
from .object_types import ObjectType

OBJECT_TYPES: Mapping[str, ObjectType] = {
    row.name: row
    for row in (
        *types_v2_rates.RATE_TYPES,
        *types_v2_plans.PLAN_TYPES,
        *types_v2_customers.CUSTOMER_TYPES,
        *types_v2_agreements.AGREEMENT_TYPES,
        *types_v1_catalog.CATALOG_TYPES,
        *types_v1_usage.USAGE_TYPES,
        *types_v1_customers.CUSTOMER_TYPES,
        *types_v1_subscriptions.SUBSCRIPTION_TYPES,
        *types_v1_quotes.QUOTE_TYPES,
        *types_v1_invoices.INVOICE_TYPES,
    )
}
