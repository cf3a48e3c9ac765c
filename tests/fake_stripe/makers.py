"""How is one object of each type created, with the objects it refers to?"""

from collections.abc import Callable, Mapping
from typing import Any

from dev.fake_stripe.client import StandIn

Fields = dict[str, Any]


def make(stand_in: StandIn, name: str) -> Fields:
    """One object of the type, as GET answers it."""
    fields, parent = MAKERS[name](lambda other: str(make(stand_in, other)["id"]))
    return stand_in.create(name, fields, parent=parent)


def _plain(**fields: object) -> Callable[[Callable[[str], str]], tuple[Fields, str | None]]:
    """Fields; the name of a type in angle brackets stands for the id of a new one."""

    def build(new: Callable[[str], str]) -> tuple[Fields, str | None]:
        filled = {
            name: new(value[1:-1]) if isinstance(value, str) and value.startswith("<") else value
            for name, value in fields.items()
        }
        parent = filled.pop("parent", None)
        return filled, parent if isinstance(parent, str) else None

    return build


def _cadence(new: Callable[[str], str]) -> tuple[Fields, str | None]:
    return {"payer": {"customer": new("customer")}}, None


def _promotion(new: Callable[[str], str]) -> tuple[Fields, str | None]:
    return {"code": "SUMMER", "promotion": {"type": "coupon", "coupon": new("coupon")}}, None


NAMED = _plain(display_name="x")
NOTHING = _plain()

MAKERS: Mapping[str, Callable[[Callable[[str], str]], tuple[Fields, str | None]]] = {
    "v2.billing.metered_item": _plain(display_name="x", meter="<billing.meter>"),
    "v2.billing.licensed_item": NAMED,
    "v2.billing.one_time_item": NAMED,
    "v2.billing.custom_pricing_unit": NAMED,
    "v2.billing.rate_card": NAMED,
    "v2.billing.rate_card_version": _plain(parent="<v2.billing.rate_card>"),
    "v2.billing.rate_card_rate": _plain(parent="<v2.billing.rate_card>", metered_item="<v2.billing.metered_item>"),
    "v2.billing.rate_card_custom_pricing_unit_overage_rate": _plain(
        parent="<v2.billing.rate_card>",
        custom_pricing_unit="<v2.billing.custom_pricing_unit>",
        one_time_item="<v2.billing.one_time_item>",
        unit_amount="2.5",
    ),
    "v2.billing.license_fee": _plain(display_name="x", licensed_item="<v2.billing.licensed_item>"),
    "v2.billing.license_fee_version": _plain(parent="<v2.billing.license_fee>", unit_amount="3"),
    "v2.billing.service_action": _plain(type="credit_grant"),
    "v2.billing.pricing_plan": NAMED,
    "v2.billing.pricing_plan_version": _plain(parent="<v2.billing.pricing_plan>"),
    "v2.billing.pricing_plan_component": _plain(parent="<v2.billing.pricing_plan>", type="rate_card"),
    "v2.billing.profile": _plain(customer="<customer>"),
    "v2.billing.cadence": _cadence,
    "v2.billing.cadence_spend_modifier": _plain(parent="<v2.billing.cadence>"),
    "v2.billing.rate_card_subscription": _plain(
        billing_cadence="<v2.billing.cadence>", rate_card="<v2.billing.rate_card>"
    ),
    "v2.billing.pricing_plan_subscription": _plain(
        billing_cadence="<v2.billing.cadence>", pricing_plan="<v2.billing.pricing_plan>"
    ),
    "v2.billing.bill_setting": NOTHING,
    "v2.billing.bill_setting_version": _plain(parent="<v2.billing.bill_setting>"),
    "v2.billing.collection_setting": NOTHING,
    "v2.billing.collection_setting_version": _plain(parent="<v2.billing.collection_setting>"),
    "v2.billing.contract": _plain(customer="<customer>"),
    "v2.billing.intent": NOTHING,
    "v2.billing.intent_action": _plain(parent="<v2.billing.intent>", type="apply"),
    "product": _plain(name="x"),
    "price": _plain(product="<product>"),
    "plan": _plain(product="<product>"),
    "coupon": NOTHING,
    "promotion_code": _promotion,
    "tax_rate": _plain(display_name="VAT", percentage=19),
    "billing.meter": _plain(display_name="x", event_name="x"),
    "billing.alert": _plain(title="x"),
    "billing.credit_grant": _plain(customer="<customer>"),
    "billing.credit_balance_transaction": _plain(credit_grant="<billing.credit_grant>"),
    "test_helpers.test_clock": NOTHING,
    "customer": NOTHING,
    "tax_id": _plain(type="eu_vat", value="DE1"),
    "cash_balance": _plain(parent="<customer>", available={"eur": 5}),
    "tax.settings": _plain(status="active"),
    "entitlements.feature": _plain(lookup_key="x", name="x"),
    "entitlements.active_entitlement": _plain(parent="<customer>", feature="<entitlements.feature>"),
    "subscription": _plain(customer="<customer>"),
    "subscription_schedule": _plain(customer="<customer>"),
    "quote": NOTHING,
    "invoice": _plain(customer="<customer>"),
    "invoice_payment": _plain(invoice="<invoice>"),
    "invoiceitem": _plain(customer="<customer>"),
    "credit_note": _plain(customer="<customer>", invoice="<invoice>"),
}
