"""Custom pricing units, in which rates and credits may be counted instead of in money, by their names.

https://docs.stripe.com/billing/subscriptions/usage-based/custom-pricing-units
"""

from __future__ import annotations

from decimal import Decimal

from billing_mirror.core.catalog.v2 import CUSTOM_PRICING_UNIT, OVERAGE_RATE
from billing_mirror.core.json_body import Json, JsonObject, text_at
from billing_mirror.reader import Reader
from billing_mirror.views import NotPriced, RateCardRate, money

from .. import mirror


def unit_name(reader: Reader, shown: Json) -> str:
    """The name of the unit of an amount, from the amount itself or from the mirror; else the unit's id."""
    body = shown if isinstance(shown, dict) else {}
    identifier = text_at(body, "id") or ""
    embedded = text_at(body, "custom_pricing_unit_details.display_name")
    found = mirror.get(reader, identifier, CUSTOM_PRICING_UNIT.name) if identifier and not embedded else None
    return embedded or (text_at(found.body, "display_name") if found else None) or identifier


def rate_words(reader: Reader, rate: RateCardRate, currency: str) -> str:
    """A rate in words, in money or in custom pricing units: ``0.004 Atlas credits each``."""
    amount = rate.body.get("custom_pricing_unit_amount")
    try:
        if isinstance(amount, dict):
            per = f"per {rate.unit_label}" if rate.unit_label else "each"
            return f"{money.quantity(Decimal(text_at(amount, 'value') or 0))} {unit_name(reader, amount)} {per}"
        return rate.words(currency)
    except NotPriced as error:
        return str(error)


def overages(reader: Reader, version: str, currency: str) -> list[tuple[str, str, str]]:
    """Id, name and price of what a unit costs beyond the credit, by a rate card version."""
    found = []
    for one in mirror.members(reader, version, OVERAGE_RATE.name):
        unit = unit_name(reader, {"id": text_at(one.body, "custom_pricing_unit") or ""})
        name = text_at(one.body, "one_time_item.display_name") or unit
        amount = money.words(Decimal(text_at(one.body, "unit_amount") or 0), currency)
        found.append((one.id, name, f"{amount} per {text_at(one.body, 'one_time_item.unit_label') or unit}"))
    return found


def units_of(amount: JsonObject) -> tuple[Decimal, JsonObject] | None:
    """The value and the unit of an amount in custom pricing units; None where it is money."""
    shown = amount.get("custom_pricing_unit")
    if not isinstance(shown, dict):
        return None
    return Decimal(str(shown.get("value") or 0)), shown
