"""Views of what customers have subscribed to."""

from ..core.catalog import v1, v2
from .fields import flag, moment, objects, text, texts, whole
from .view import View


class Subscription(View, of=v1.SUBSCRIPTION):
    """https://docs.stripe.com/api/subscriptions/object"""

    customer = text("customer")
    status = text("status")
    currency = text("currency")
    collection_method = text("collection_method")
    items = objects("items")
    """All items: the mirror completes a list that Stripe cuts short."""
    start_date = moment("start_date")
    trial_end = moment("trial_end")
    billing_cycle_anchor = moment("billing_cycle_anchor")
    cancel_at = moment("cancel_at")
    cancel_at_period_end = flag("cancel_at_period_end")
    canceled_at = moment("canceled_at")
    ended_at = moment("ended_at")
    latest_invoice = text("latest_invoice")
    default_payment_method = text("default_payment_method")
    schedule = text("schedule")
    metadata = texts("metadata")


class Cadence(View, of=v2.CADENCE):
    """When and whom v2 subscriptions bill: https://docs.stripe.com/api/v2/billing-cadences"""

    customer = text("payer.customer")
    billing_profile = text("payer.billing_profile")
    status = text("status")
    interval = text("billing_cycle.type")
    interval_count = whole("billing_cycle.interval_count")
    next_billing_date = moment("next_billing_date")
    lookup_key = text("lookup_key")
    metadata = texts("metadata")


class RateCardSubscription(View, of=v2.RATE_CARD_SUBSCRIPTION):
    """https://docs.stripe.com/api/v2/rate-card-subscriptions

    The customer is in ``MirroredObject.customer``: the body names only the cadence.
    """

    rate_card = text("rate_card")
    rate_card_version = text("rate_card_version")
    billing_cadence = text("billing_cadence")
    servicing_status = text("servicing_status")
    collection_status = text("collection_status")
    activated_at = moment("servicing_status_transitions.activated_at")
    canceled_at = moment("servicing_status_transitions.canceled_at")
    past_due_at = moment("collection_status_transitions.past_due_at")
    metadata = texts("metadata")


class PricingPlanSubscription(View, of=v2.PRICING_PLAN_SUBSCRIPTION):
    """https://docs.stripe.com/api/v2/pricing-plan-subscriptions

    The customer is in ``MirroredObject.customer``: the body names only the cadence.
    """

    pricing_plan = text("pricing_plan")
    pricing_plan_version = text("pricing_plan_version")
    billing_cadence = text("billing_cadence")
    servicing_status = text("servicing_status")
    collection_status = text("collection_status")
    activated_at = moment("servicing_status_transitions.activated_at")
    canceled_at = moment("servicing_status_transitions.canceled_at")
    past_due_at = moment("collection_status_transitions.past_due_at")
    components = objects("pricing_plan_component_details")
    metadata = texts("metadata")
