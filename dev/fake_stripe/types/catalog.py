"""Which object types are there?"""

from collections.abc import Mapping

from . import v1_catalog as types_v1_catalog
from . import v1_customers as types_v1_customers
from . import v1_invoices as types_v1_invoices
from . import v1_quotes as types_v1_quotes
from . import v1_subscriptions as types_v1_subscriptions
from . import v1_usage as types_v1_usage
from . import v2_agreements as types_v2_agreements
from . import v2_customers as types_v2_customers
from . import v2_plans as types_v2_plans
from . import v2_rates as types_v2_rates
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
