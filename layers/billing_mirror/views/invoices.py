"""Views of what customers are billed."""

from ..core.catalog import v1
from .fields import exact, flag, moment, objects, text, texts, whole
from .view import View


class Invoice(View, of=v1.INVOICE):
    """https://docs.stripe.com/api/invoices/object"""

    customer = text("customer")
    subscription = text("parent.subscription_details.subscription")
    number = text("number")
    status = text("status")
    currency = text("currency")
    subtotal = exact("subtotal")
    total = exact("total")
    amount_due = exact("amount_due")
    amount_paid = exact("amount_paid")
    amount_remaining = exact("amount_remaining")
    billing_reason = text("billing_reason")
    collection_method = text("collection_method")
    due_date = moment("due_date")
    period_start = moment("period_start")
    period_end = moment("period_end")
    finalized_at = moment("status_transitions.finalized_at")
    paid_at = moment("status_transitions.paid_at")
    hosted_invoice_url = text("hosted_invoice_url")
    lines = objects("lines")
    """All lines: the mirror completes a list that Stripe cuts short."""
    metadata = texts("metadata")


class InvoiceItem(View, of=v1.INVOICE_ITEM):
    """https://docs.stripe.com/api/invoiceitems/object"""

    created = moment("date")
    customer = text("customer")
    invoice = text("invoice")
    description = text("description")
    amount = exact("amount")
    currency = text("currency")
    quantity = exact("quantity")
    price = text("pricing.price_details.price")
    product = text("pricing.price_details.product")
    proration = flag("proration")
    period_start = moment("period.start")
    period_end = moment("period.end")
    metadata = texts("metadata")


class CreditNote(View, of=v1.CREDIT_NOTE):
    """https://docs.stripe.com/api/credit_notes/object"""

    customer = text("customer")
    invoice = text("invoice")
    number = text("number")
    status = text("status")
    reason = text("reason")
    currency = text("currency")
    amount = exact("amount")
    total = exact("total")
    lines = objects("lines")
    metadata = texts("metadata")


class Quote(View, of=v1.QUOTE):
    """https://docs.stripe.com/api/quotes/object"""

    customer = text("customer")
    number = text("number")
    status = text("status")
    currency = text("currency")
    amount_subtotal = exact("amount_subtotal")
    amount_total = exact("amount_total")
    expires_at = moment("expires_at")
    accepted_at = moment("status_transitions.accepted_at")
    invoice = text("invoice")
    """The invoice that the accepted quote became; subscription and schedule likewise."""
    subscription = text("subscription")
    subscription_schedule = text("subscription_schedule")
    line_items = objects("line_items")
    metadata = texts("metadata")


class Coupon(View, of=v1.COUPON):
    """https://docs.stripe.com/api/coupons/object"""

    name = text("name")
    valid = flag("valid")
    percent_off = exact("percent_off")
    amount_off = exact("amount_off")
    currency = text("currency")
    duration = text("duration")
    duration_in_months = whole("duration_in_months")
    redeem_by = moment("redeem_by")
    times_redeemed = whole("times_redeemed")
    max_redemptions = whole("max_redemptions")
    metadata = texts("metadata")
