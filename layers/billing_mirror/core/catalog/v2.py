"""The object types of ``v2.billing``. https://docs.stripe.com/api/v2 and the services of the preview SDK."""

from types import MappingProxyType

from .object_type import Category, CompareInterval, Listing, ObjectType, Reference, Usage

_TEST_CLOCK = "test_helpers.test_clock"
_HIDES_STATUSES = MappingProxyType({"servicing_status": ("canceled", "paused", "pending")})
_HIDES_INACTIVE = MappingProxyType({"active": ("false",)})

PROFILE = ObjectType(
    name="v2.billing.profile",
    permission="billing_profile_read",
    sends_no_events=True,
    category=Category.ACTIVITY,
    prefix="bilp_",
    retrieve="/v2/billing/profiles/{id}",
    listings=(Listing(url="/v2/billing/profiles", may_be_refused=True),),
    customer="customer",
    status="status",
    statuses=("active", "inactive"),
)

BILL_SETTING_VERSION = ObjectType(
    name="v2.billing.bill_setting_version",
    sends_no_events=True,
    category=Category.CONFIGURATION,
    retrieve="/v2/billing/bill_settings/{parent}/versions/{id}",
    listings=(Listing(url="/v2/billing/bill_settings/{id}/versions", per="v2.billing.bill_setting"),),
)

BILL_SETTING = ObjectType(
    name="v2.billing.bill_setting",
    sends_no_events=True,
    category=Category.CONFIGURATION,
    retrieve="/v2/billing/bill_settings/{id}",
    listings=(Listing(url="/v2/billing/bill_settings"),),
    members=(BILL_SETTING_VERSION.name,),
)

COLLECTION_SETTING_VERSION = ObjectType(
    name="v2.billing.collection_setting_version",
    sends_no_events=True,
    category=Category.CONFIGURATION,
    retrieve="/v2/billing/collection_settings/{parent}/versions/{id}",
    listings=(Listing(url="/v2/billing/collection_settings/{id}/versions", per="v2.billing.collection_setting"),),
)

COLLECTION_SETTING = ObjectType(
    name="v2.billing.collection_setting",
    sends_no_events=True,
    category=Category.CONFIGURATION,
    retrieve="/v2/billing/collection_settings/{id}",
    listings=(Listing(url="/v2/billing/collection_settings"),),
    members=(COLLECTION_SETTING_VERSION.name,),
)

CUSTOM_PRICING_UNIT = ObjectType(
    name="v2.billing.custom_pricing_unit",
    sends_no_events=True,
    category=Category.CATALOG,
    prefix="cpu_",
    retrieve="/v2/billing/custom_pricing_units/{id}",
    listings=(Listing(url="/v2/billing/custom_pricing_units", hidden_filters=_HIDES_INACTIVE),),
)

LICENSED_ITEM = ObjectType(
    name="v2.billing.licensed_item",
    category=Category.CATALOG,
    prefix="bli_",
    retrieve="/v2/billing/licensed_items/{id}",
    listings=(Listing(url="/v2/billing/licensed_items"),),
)

METERED_ITEM = ObjectType(
    name="v2.billing.metered_item",
    category=Category.CATALOG,
    prefix="bli_",
    retrieve="/v2/billing/metered_items/{id}",
    listings=(Listing(url="/v2/billing/metered_items"),),
    parent="meter",
)

ONE_TIME_ITEM = ObjectType(
    name="v2.billing.one_time_item",
    sends_no_events=True,
    category=Category.CATALOG,
    prefix="bli_",
    retrieve="/v2/billing/one_time_items/{id}",
    listings=(Listing(url="/v2/billing/one_time_items"),),
)

SERVICE_ACTION = ObjectType(
    name="v2.billing.service_action",
    sends_no_events=True,
    category=Category.CATALOG,
    prefix="svca_",
    retrieve="/v2/billing/service_actions/{id}",
)

LICENSE_FEE = ObjectType(
    name="v2.billing.license_fee",
    category=Category.CATALOG,
    prefix="licf_",
    retrieve="/v2/billing/license_fees/{id}",
    listings=(
        Listing(
            url="/v2/billing/license_fees",
            query=MappingProxyType({"licensed_item": "{id}"}),
            per=LICENSED_ITEM.name,
            may_be_refused=True,
        ),
    ),
    parent="licensed_item",
)

LICENSE_FEE_VERSION = ObjectType(
    name="v2.billing.license_fee_version",
    category=Category.CATALOG,
    prefix="licfv_",
    retrieve="/v2/billing/license_fees/{parent}/versions/{id}",
    listings=(Listing(url="/v2/billing/license_fees/{id}/versions", per=LICENSE_FEE.name),),
    parent="license_fee_id",
    owner_in_event="license_fee_id",
    changes=Reference(path="license_fee_id", type=LICENSE_FEE.name),
)

RATE_CARD = ObjectType(
    name="v2.billing.rate_card",
    category=Category.CATALOG,
    prefix="rcd_",
    retrieve="/v2/billing/rate_cards/{id}",
    listings=(Listing(url="/v2/billing/rate_cards", hidden_filters=_HIDES_INACTIVE),),
)

_OF_ITS_VERSION = MappingProxyType({"rate_card_version": "{id}"})

RATE = ObjectType(
    name="v2.billing.rate_card_rate",
    aliases=("v2.billing.rate_card.rate",),
    category=Category.CATALOG,
    prefix="rcdr_",
    retrieve="/v2/billing/rate_cards/{parent}/rates/{id}",
    listings=(
        Listing(
            url="/v2/billing/rate_cards/{parent}/rates",
            query=_OF_ITS_VERSION,
            per="v2.billing.rate_card_version",
        ),
    ),
    parent="rate_card",
    owner_in_event="rate_card",
    references=(Reference(path="custom_pricing_unit_amount", type=CUSTOM_PRICING_UNIT.name),),
)

OVERAGE_RATE = ObjectType(
    name="v2.billing.rate_card_custom_pricing_unit_overage_rate",
    aliases=("v2.billing.rate_card.custom_pricing_unit_overage_rate",),
    category=Category.CATALOG,
    prefix="cpuor_",
    retrieve="/v2/billing/rate_cards/{parent}/custom_pricing_unit_overage_rates/{id}",
    listings=(
        Listing(
            url="/v2/billing/rate_cards/{parent}/custom_pricing_unit_overage_rates",
            query=_OF_ITS_VERSION,
            per="v2.billing.rate_card_version",
        ),
    ),
    parent="rate_card",
    owner_in_event="rate_card",
    references=(
        Reference(path="custom_pricing_unit", type=CUSTOM_PRICING_UNIT.name),
        Reference(path="one_time_item", type=ONE_TIME_ITEM.name),
    ),
)

RATE_CARD_VERSION = ObjectType(
    name="v2.billing.rate_card_version",
    aliases=("v2.billing.rate_card.version",),
    category=Category.CATALOG,
    prefix="rcdv_",
    retrieve="/v2/billing/rate_cards/{parent}/versions/{id}",
    listings=(Listing(url="/v2/billing/rate_cards/{id}/versions", per=RATE_CARD.name),),
    parent="rate_card_id",
    owner_in_event="rate_card_id",
    changes=Reference(path="rate_card_id", type=RATE_CARD.name),
    members=(RATE.name, OVERAGE_RATE.name),
)

PRICING_PLAN = ObjectType(
    name="v2.billing.pricing_plan",
    category=Category.CATALOG,
    prefix="bpp_",
    retrieve="/v2/billing/pricing_plans/{id}",
    listings=(Listing(url="/v2/billing/pricing_plans", hidden_filters=_HIDES_INACTIVE),),
)

PRICING_PLAN_COMPONENT = ObjectType(
    name="v2.billing.pricing_plan_component",
    category=Category.CATALOG,
    prefix="bppc_",
    retrieve="/v2/billing/pricing_plans/{parent}/components/{id}",
    listings=(
        Listing(
            url="/v2/billing/pricing_plans/{parent}/components",
            query=MappingProxyType({"pricing_plan_version": "{id}"}),
            per="v2.billing.pricing_plan_version",
        ),
    ),
    parent="pricing_plan",
    owner_in_event="pricing_plan_id",
    references=(Reference(path="service_action", type=SERVICE_ACTION.name),),
)

PRICING_PLAN_VERSION = ObjectType(
    name="v2.billing.pricing_plan_version",
    category=Category.CATALOG,
    prefix="bppv_",
    retrieve="/v2/billing/pricing_plans/{parent}/versions/{id}",
    listings=(Listing(url="/v2/billing/pricing_plans/{id}/versions", per=PRICING_PLAN.name),),
    parent="pricing_plan",
    owner_in_event="pricing_plan_id",
    changes=Reference(path="pricing_plan", type=PRICING_PLAN.name),
    members=(PRICING_PLAN_COMPONENT.name,),
)

SPEND_MODIFIER = ObjectType(
    name="v2.billing.cadence_spend_modifier",
    sends_no_events=True,
    category=Category.CONFIGURATION,
    compare_interval=CompareInterval.ACTIVITY,  # weekly is too rare: no event announces it
    retrieve="/v2/billing/cadences/{parent}/spend_modifier_rules/{id}",
    listings=(
        Listing(url="/v2/billing/cadences/{id}/spend_modifier_rules", per="v2.billing.cadence", mostly_empty=True),
    ),
    parent="billing_cadence",
    customer=Reference(path="billing_cadence", type="v2.billing.cadence"),
    references=(Reference(path="max_billing_period_spend.alert", type="billing.alert"),),
)

CADENCE = ObjectType(
    name="v2.billing.cadence",
    category=Category.ACTIVITY,
    prefix="bc_",
    retrieve="/v2/billing/cadences/{id}",
    listings=(
        Listing(url="/v2/billing/cadences"),
        Listing(url="/v2/billing/cadences", query=MappingProxyType({"test_clock": "{id}"}), per=_TEST_CLOCK),
    ),
    customer="payer.customer",
    status="status",
    statuses=("active", "canceled"),
    include=("invoice_discount_rules", "settings_data"),
    compare_interval=CompareInterval.RATE_CARD_SUBSCRIPTIONS,
    members=(SPEND_MODIFIER.name,),
    references=(
        Reference(path="payer.billing_profile", type=PROFILE.name),
        Reference(path="settings.bill", type=BILL_SETTING.name),
        Reference(path="settings.collection", type=COLLECTION_SETTING.name),
    ),
)


def _usage_by_rates(version: str) -> Usage:
    """A subscription is billed by the rates of its own rate card version, including those that later versions lack."""
    return Usage(
        statuses=("active",), meters="metered_item.meter", by=Reference(path=version, type=RATE_CARD_VERSION.name)
    )


RATE_CARD_SUBSCRIPTION = ObjectType(
    name="v2.billing.rate_card_subscription",
    category=Category.ACTIVITY,
    prefix="rcds_",
    retrieve="/v2/billing/rate_card_subscriptions/{id}",
    listings=(Listing(url="/v2/billing/rate_card_subscriptions", hidden_filters=_HIDES_STATUSES),),
    parent="rate_card",
    customer=Reference(path="billing_cadence", type=CADENCE.name),
    status="servicing_status",
    statuses=("pending", "active", "paused", "canceled"),
    collection_status="collection_status",
    collection_statuses=("current", "past_due", "unpaid", "paused", "awaiting_customer_action"),
    usage=_usage_by_rates("rate_card_version"),
    compare_interval=CompareInterval.RATE_CARD_SUBSCRIPTIONS,
)

PRICING_PLAN_SUBSCRIPTION = ObjectType(
    name="v2.billing.pricing_plan_subscription",
    category=Category.ACTIVITY,
    prefix="bpps_",
    retrieve="/v2/billing/pricing_plan_subscriptions/{id}",
    listings=(Listing(url="/v2/billing/pricing_plan_subscriptions", hidden_filters=_HIDES_STATUSES),),
    parent="pricing_plan",
    customer=Reference(path="billing_cadence", type=CADENCE.name),
    status="servicing_status",
    statuses=("pending", "active", "paused", "canceled"),
    collection_status="collection_status",
    collection_statuses=("current", "past_due", "unpaid", "paused", "awaiting_customer_action"),
    include=("discount_details", "pricing_plan_component_details"),
    usage=_usage_by_rates("pricing_plan_component_details.rate_card_details.rate_card_version"),
)

CONTRACT = ObjectType(
    name="v2.billing.contract",
    category=Category.ACTIVITY,
    retrieve="/v2/billing/contracts/{id}",
    listings=(Listing(url="/v2/billing/contracts"),),
    customer="customer",
    status="status",
    statuses=("draft", "active", "canceled", "ended"),
    collection_status="collection_status",
    collection_statuses=("current", "past_due", "unpaid", "blocked"),
    include=("billing_settings", "one_time_fees", "pricing_lines", "pricing_overrides"),
)

INTENT_ACTION = ObjectType(
    name="v2.billing.intent_action",
    permission="billing_intent_read",
    sends_no_events=True,
    category=Category.ACTIVITY,
    retrieve="/v2/billing/intents/{parent}/actions/{id}",
    listings=(Listing(url="/v2/billing/intents/{id}/actions", per="v2.billing.intent"),),
)

INTENT = ObjectType(
    name="v2.billing.intent",
    permission="billing_intent_read",
    sends_no_events=True,
    category=Category.ACTIVITY,
    retrieve="/v2/billing/intents/{id}",
    listings=(Listing(url="/v2/billing/intents"),),
    parent="cadence",
    customer=Reference(path="cadence", type=CADENCE.name),
    status="status",
    statuses=("draft", "reserved", "committed", "canceled"),
    members=(INTENT_ACTION.name,),
)

OBJECT_TYPES = (
    BILL_SETTING,
    BILL_SETTING_VERSION,
    COLLECTION_SETTING,
    COLLECTION_SETTING_VERSION,
    CUSTOM_PRICING_UNIT,
    LICENSED_ITEM,
    METERED_ITEM,
    ONE_TIME_ITEM,
    SERVICE_ACTION,
    LICENSE_FEE,
    LICENSE_FEE_VERSION,
    RATE_CARD,
    RATE_CARD_VERSION,
    RATE,
    OVERAGE_RATE,
    PRICING_PLAN,
    PRICING_PLAN_VERSION,
    PRICING_PLAN_COMPONENT,
    PROFILE,
    CADENCE,
    SPEND_MODIFIER,
    RATE_CARD_SUBSCRIPTION,
    PRICING_PLAN_SUBSCRIPTION,
    CONTRACT,
    INTENT,
    INTENT_ACTION,
)
"""Parents before their children: the order in which reconcile compares them."""
