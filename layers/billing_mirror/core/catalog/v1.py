"""The object types of Stripe's v1 API. https://docs.stripe.com/api"""

from types import MappingProxyType

from .object_type import (
    Category,
    CompareInterval,
    IncludeWhere,
    Listing,
    ObjectType,
    Part,
    Piece,
    Reference,
    Sublist,
    Usage,
)

_OF_TEST_CLOCK = MappingProxyType({"test_clock": "{id}"})
_ALL_OF_TEST_CLOCK = MappingProxyType({"test_clock": "{id}", "status": "all"})
# A discount has no URL of its own: https://docs.stripe.com/api/discounts
_WITH_DISCOUNTS = MappingProxyType({"expand[0]": "data.discounts"})
_WITH_DISCOUNTS_AND_TAXES = MappingProxyType({**_WITH_DISCOUNTS, "expand[1]": "data.taxes"})
_ALL = MappingProxyType({"status": "all"})

TEST_CLOCK = ObjectType(
    name="test_helpers.test_clock",
    permission="billing_clock_read",
    test_mode_only=True,
    category=Category.ACTIVITY,
    prefix="clock_",
    retrieve="/v1/test_helpers/test_clocks/{id}",
    listings=(Listing(url="/v1/test_helpers/test_clocks"),),
    status="status",
    statuses=("ready", "advancing", "internal_failure"),
)

PRODUCT = ObjectType(
    name="product",
    permission="product_read",
    chosen_ids=True,
    category=Category.CATALOG,
    prefix="prod_",
    retrieve="/v1/products/{id}",
    listings=(Listing(url="/v1/products", by_creation=True),),
)

METER = ObjectType(
    name="billing.meter",
    permission="billing_meter_read",
    category=Category.CATALOG,
    prefix="mtr_",
    retrieve="/v1/billing/meters/{id}",
    listings=(Listing(url="/v1/billing/meters"),),
    status="status",
    statuses=("active", "inactive"),
)

PRICE = ObjectType(
    name="price",
    permission="plan_read",
    chosen_ids=True,
    category=Category.CATALOG,
    prefix="price_",
    retrieve="/v1/prices/{id}",
    listings=(Listing(url="/v1/prices", by_creation=True, hidden_filters=MappingProxyType({"active": ("false",)})),),
    parent="product",
    include=("tiers", "currency_options"),
    # The path without the currency, ``currency_options.tiers``, is accepted and shows nothing.
    include_where=(IncludeWhere(path="currency_options.*.tiers", where=("tiers",)),),
)

PLAN = ObjectType(
    name="plan",
    permission="plan_read",
    chosen_ids=True,
    category=Category.CATALOG,  # the older form of a price
    prefix="plan_",
    retrieve="/v1/plans/{id}",
    listings=(Listing(url="/v1/plans", by_creation=True),),
    parent="product",
    include=("tiers",),
)

COUPON = ObjectType(
    name="coupon",
    permission="coupon_read",
    chosen_ids=True,
    category=Category.CONFIGURATION,
    retrieve="/v1/coupons/{id}",
    listings=(Listing(url="/v1/coupons", by_creation=True),),
    include=("applies_to", "currency_options"),
)

PROMOTION_CODE = ObjectType(
    name="promotion_code",
    permission="promotion_code_read",
    category=Category.CONFIGURATION,
    prefix="promo_",
    retrieve="/v1/promotion_codes/{id}",
    listings=(Listing(url="/v1/promotion_codes", by_creation=True),),
    parent="promotion.coupon",
    customer="customer",
    customer_account="customer_account",
    include=("restrictions.currency_options",),
)

TAX_RATE = ObjectType(
    name="tax_rate",
    permission="tax_rate_read",
    category=Category.CONFIGURATION,
    prefix="txr_",
    retrieve="/v1/tax_rates/{id}",
    listings=(Listing(url="/v1/tax_rates", by_creation=True),),
)

FEATURE = ObjectType(
    name="entitlements.feature",
    permission="entitlement_read",
    sends_no_events=True,
    category=Category.CATALOG,
    prefix="feat_",
    retrieve="/v1/entitlements/features/{id}",
    listings=(Listing(url="/v1/entitlements/features"),),
)

ALERT = ObjectType(
    name="billing.alert",
    category=Category.CONFIGURATION,
    prefix="alrt_",
    retrieve="/v1/billing/alerts/{id}",
    listings=(Listing(url="/v1/billing/alerts"),),
    parent="usage_threshold.meter",
    status="status",
    statuses=("active", "inactive", "archived"),
    wrapper=Reference(path="alert", type="billing.alert_triggered"),
)

CUSTOMER = ObjectType(
    name="customer",
    permission="customer_read",
    chosen_ids=True,
    category=Category.ACTIVITY,
    prefix="cus_",
    retrieve="/v1/customers/{id}",
    listings=(
        Listing(url="/v1/customers", by_creation=True),
        Listing(url="/v1/customers", query=_OF_TEST_CLOCK, per=TEST_CLOCK.name),
    ),
    customer="id",
    include=("invoice_credit_balance", "tax"),
)

TAX_ID = ObjectType(
    name="tax_id",
    category=Category.ACTIVITY,
    prefix="txi_",
    retrieve="/v1/tax_ids/{id}",
    alternate_urls=("/v1/customers/{parent}/tax_ids/{id}",),
    resource="v1.customer.tax_id",
    listings=(
        Listing(url="/v1/tax_ids"),
        Listing(url="/v1/customers/{id}/tax_ids", per=CUSTOMER.name),
    ),
    customer="customer",
    customer_account="customer_account",
    compare_interval=CompareInterval.CONFIGURATION,  # it rarely changes, and reading it takes a list per customer
)

CASH_BALANCE = ObjectType(
    name="cash_balance",
    category=Category.ACTIVITY,
    retrieve="/v1/customers/{parent}/cash_balance",
    parent_is_customer=True,
)

ENTITLEMENTS = ObjectType(
    name="entitlements.active_entitlement_summary",
    permission="entitlement_read",
    category=Category.ACTIVITY,
    retrieve="/v1/entitlements/active_entitlements?customer={parent}",
    owner_in_event="customer",
    parent_is_customer=True,
    sublists=(
        Sublist(
            path="",
            url="/v1/entitlements/active_entitlements",
            query=MappingProxyType({"customer": "{parent}"}),
        ),
    ),
)

CREDIT_GRANT = ObjectType(
    name="billing.credit_grant",
    category=Category.ACTIVITY,
    prefix="credgr_",
    retrieve="/v1/billing/credit_grants/{id}",
    listings=(Listing(url="/v1/billing/credit_grants"),),
    customer="customer",
    customer_account="customer_account",
)

CREDIT_BALANCE_TRANSACTION = ObjectType(
    name="billing.credit_balance_transaction",
    category=Category.ACTIVITY,
    prefix="cbtxn_",
    retrieve="/v1/billing/credit_balance_transactions/{id}",
    listings=(
        Listing(
            url="/v1/billing/credit_balance_transactions",
            query=MappingProxyType({"customer": "{customer}", "credit_grant": "{id}"}),
            account_query=MappingProxyType({"customer_account": "{customer}", "credit_grant": "{id}"}),
            per=CREDIT_GRANT.name,
        ),
    ),
    parent="credit_grant",
    customer=Reference(path="credit_grant", type=CREDIT_GRANT.name),
)

SUBSCRIPTION = ObjectType(
    name="subscription",
    permission="subscription_read",
    category=Category.ACTIVITY,
    prefix="sub_",
    retrieve="/v1/subscriptions/{id}",
    resource="v1.customer.subscription",
    listings=(
        Listing(url="/v1/subscriptions", query=_ALL, by_creation=True),
        Listing(url="/v1/subscriptions", query=_ALL_OF_TEST_CLOCK, per=TEST_CLOCK.name),
    ),
    customer="customer",
    customer_account="customer_account",
    status="status",
    statuses=("incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"),
    include=(
        "discounts",
        "items.data.discounts",
        "pending_update.discounts",
        "pending_update.subscription_items.discounts",
    ),
    sublists=(
        Sublist(
            path="items",
            url="/v1/subscription_items",
            query=MappingProxyType({"subscription": "{id}", **_WITH_DISCOUNTS}),
        ),
    ),
    usage=Usage(
        statuses=("active", "trialing", "past_due", "unpaid"),
        meters="items.data.price.recurring.meter",
    ),
)

SUBSCRIPTION_SCHEDULE = ObjectType(
    name="subscription_schedule",
    category=Category.ACTIVITY,
    prefix="sub_sched_",
    retrieve="/v1/subscription_schedules/{id}",
    listings=(Listing(url="/v1/subscription_schedules", by_creation=True),),
    parent="subscription",
    customer="customer",
    customer_account="customer_account",
    status="status",
    statuses=("not_started", "active", "completed", "released", "canceled"),
    include=("phases.discounts.discount",),
    include_where=tuple(
        IncludeWhere(path=path, where=(path,))
        for path in ("phases.items.discounts.discount", "phases.add_invoice_items.discounts.discount")
    ),
)

QUOTE = ObjectType(
    name="quote",
    permission="quote_read",
    category=Category.ACTIVITY,
    prefix="qt_",
    retrieve="/v1/quotes/{id}",
    listings=(
        Listing(url="/v1/quotes"),
        Listing(url="/v1/quotes", query=_OF_TEST_CLOCK, per=TEST_CLOCK.name),
    ),
    customer="customer",
    customer_account="customer_account",
    status="status",
    statuses=("draft", "open", "accepted", "canceled"),
    include=(
        "discounts",
        "line_items",
        "line_items.data.discounts",
        "line_items.data.taxes",
        "total_details.breakdown",
        "computed.upfront.line_items",
    ),
    include_where=tuple(
        IncludeWhere(path=f"{total}.breakdown", where=(f"{total}.amount_discount", f"{total}.amount_tax"))
        for total in ("computed.upfront.total_details", "computed.recurring.total_details")
    ),
    sublists=(
        Sublist(path="line_items", url="/v1/quotes/{id}/line_items", query=_WITH_DISCOUNTS_AND_TAXES),
        # No expansion reaches the discounts and taxes of these: the breakdown has their sums.
        Sublist(path="computed.upfront.line_items", url="/v1/quotes/{id}/computed_upfront_line_items"),
    ),
)

INVOICE = ObjectType(
    name="invoice",
    permission="invoice_read",
    category=Category.ACTIVITY,
    prefix="in_",
    retrieve="/v1/invoices/{id}",
    listings=(Listing(url="/v1/invoices", by_creation=True),),
    parent="parent.subscription_details.subscription",
    customer="customer",
    customer_account="customer_account",
    status="status",
    statuses=("draft", "open", "paid", "uncollectible", "void"),
    include=("discounts", "lines.data.discounts", "shipping_cost.taxes"),
    ignored_fields=("hosted_invoice_url", "invoice_pdf"),
    sublists=(Sublist(path="lines", url="/v1/invoices/{id}/lines", query=_WITH_DISCOUNTS),),
)

INVOICE_PAYMENT = ObjectType(
    name="invoice_payment",
    category=Category.ACTIVITY,
    prefix="inpay_",
    retrieve="/v1/invoice_payments/{id}",
    listings=(Listing(url="/v1/invoice_payments", by_creation=True),),
    parent="invoice",
    customer=Reference(path="invoice", type=INVOICE.name),
    status="status",
)

INVOICE_ITEM = ObjectType(
    name="invoiceitem",
    category=Category.ACTIVITY,
    prefix="ii_",
    retrieve="/v1/invoiceitems/{id}",
    listings=(Listing(url="/v1/invoiceitems", by_creation=True),),
    parent="invoice",
    customer="customer",
    customer_account="customer_account",
    created="date",
    include=("discounts",),
)

CREDIT_NOTE = ObjectType(
    name="credit_note",
    permission="credit_note_read",
    category=Category.ACTIVITY,
    prefix="cn_",
    retrieve="/v1/credit_notes/{id}",
    listings=(Listing(url="/v1/credit_notes", by_creation=True),),
    parent="invoice",
    customer="customer",
    customer_account="customer_account",
    status="status",
    statuses=("issued", "void"),
    include=("shipping_cost.taxes",),
    ignored_fields=("pdf",),
    sublists=(Sublist(path="lines", url="/v1/credit_notes/{id}/lines"),),
)

_METER_ERRORS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")

EVENT = ObjectType(
    name="v2.core.event",
    permission="event_read",
    category=Category.ACTIVITY,
    prefix="evt_",
    retrieve="/v2/core/events/{id}",
    parent="related_object",
    status="type",
    statuses=_METER_ERRORS,
    events=_METER_ERRORS,
)

USAGE = ObjectType(
    name="billing.meter_event_summary",
    sends_no_events=True,
    category=Category.ACTIVITY,
    prefix="mtrusg_",
    retrieve="/v1/billing/meters/{parent}/event_summaries",
    created="start_time",
)

OBJECT_TYPES = (
    TEST_CLOCK,
    PRODUCT,
    METER,
    PRICE,
    PLAN,
    COUPON,
    PROMOTION_CODE,
    TAX_RATE,
    FEATURE,
    ALERT,
    CUSTOMER,
    TAX_ID,
    CASH_BALANCE,
    ENTITLEMENTS,
    CREDIT_GRANT,
    CREDIT_BALANCE_TRANSACTION,
    SUBSCRIPTION,
    SUBSCRIPTION_SCHEDULE,
    QUOTE,
    INVOICE,
    INVOICE_PAYMENT,
    INVOICE_ITEM,
    CREDIT_NOTE,
    EVENT,
    USAGE,
)
"""Parents before their children: the order in which reconcile compares them."""

DISCOUNT = Part(
    name="discount",
    resource="v1.customer.discount",
    owners=(
        Reference(path="customer", type=CUSTOMER.name),
        Reference(path="subscription", type=SUBSCRIPTION.name),
        Reference(path="invoice", type=INVOICE.name),
        Reference(path="invoice_item", type=INVOICE_ITEM.name),
    ),
    urls=MappingProxyType(
        {
            "/v1/customers/{parent}/discount": "customer",
            "/v1/subscriptions/{parent}/discount": "subscription",
        }
    ),
    segment="discount",
    pieces=(Piece(path="subscription_item", url="/v1/subscription_items/{id}", owner="subscription"),),
)

CASH_BALANCE_TRANSACTION = Part(
    name="customer_cash_balance_transaction",
    resource="v1.customer_cash_balance_transaction",
    owners=(Reference(path="customer", type=CASH_BALANCE.name),),
    urls=MappingProxyType({"/v1/customers/{parent}/cash_balance_transactions/{id}": "customer"}),
    segment="cash_balance_transaction",
)

PARTS = (DISCOUNT, CASH_BALANCE_TRANSACTION)
