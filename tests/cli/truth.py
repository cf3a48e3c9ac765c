"""The figures of docs/reports.md, computed from the stand-in's objects without the mirror, the export or SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from dev.fake_stripe.client import StandIn

Body = dict[str, Any]
Figures = list[tuple[object, ...]]
OPEN = ("active", "trialing", "past_due")


class Ledger:
    """What Stripe has, by type."""

    def __init__(self, stripe: StandIn, usage: list[tuple[str, str, Decimal, int]], today: date) -> None:
        self._found: dict[str, list[Body]] = defaultdict(list)
        for one in stripe.objects():
            if not one["removed"]:
                self._found[one["type"]].append(one["body"])
        self.usage = usage
        self.today = today

    def all(self, type_name: str) -> list[Body]:
        return self._found[type_name]

    def one(self, type_name: str, identifier: str) -> Body:
        return next(one for one in self._found[type_name] if one["id"] == identifier)

    def items(self, *statuses: str) -> Iterator[tuple[Body, Body]]:
        for subscription in self.all("subscription"):
            if subscription["status"] in statuses:
                for item in subscription["items"]["data"]:
                    yield subscription, item

    def payer(self, subscription: Body) -> str:
        return str(self.one("v2.billing.cadence", subscription["billing_cadence"])["payer"]["customer"])


def day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def ordered(rows: Iterator[tuple[object, ...]] | Figures) -> Figures:
    return sorted(rows, key=str)


def monthly_recurring_revenue(ledger: Ledger) -> Figures:
    monthly: dict[str, Fraction] = defaultdict(Fraction)
    per_year = {"day": 365, "week": 52, "month": 12, "year": 1}
    for subscription, item in ledger.items("active", "past_due"):
        price = item["price"]
        recurring = price["recurring"]
        if recurring["usage_type"] == "licensed":
            amount = Fraction(price["unit_amount_decimal"]) * item["quantity"]
            monthly[subscription["currency"]] += (
                amount * per_year[recurring["interval"]] / recurring["interval_count"] / 12
            )
    return [(currency, rounded(amount)) for currency, amount in monthly.items()]


def rounded(amount: Fraction) -> int:
    return int((Decimal(amount.numerator) / amount.denominator).quantize(Decimal(1), ROUND_HALF_UP))


def ageing(ledger: Ledger) -> Figures:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for invoice in ledger.all("invoice"):
        if invoice["status"] == "open":
            found[invoice["currency"], age(invoice["due_date"], ledger.today)].append(invoice["amount_remaining"])
    return [(*key, len(amounts), sum(amounts)) for key, amounts in found.items()]


def age(due: int | None, today: date) -> str:
    if due is None:
        return "no due date"
    days = (today - day(due)).days
    for first, last, name in ((1, 30, "1 to 30 days"), (31, 60, "31 to 60 days"), (61, 90, "61 to 90 days")):
        if first <= days <= last:
            return name
    return "over 90 days" if days > 90 else "not due"


def usage(ledger: Ledger) -> Figures:
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for meter, customer, value, seconds in ledger.usage:
        name = ledger.one("billing.meter", meter)["event_name"]
        found[customer, name, f"{day(seconds):%Y-%m}"] += value
    return [(*key, quantity) for key, quantity in found.items()]


def credit(ledger: Ledger) -> Figures:
    found: Counter[tuple[str, str]] = Counter()
    for one in ledger.all("billing.credit_balance_transaction"):
        customer = ledger.one("billing.credit_grant", one["credit_grant"])["customer"]
        for kind, sign in (("credit", 1), ("debit", -1)):
            if one[kind]:
                money = one[kind]["amount"]["monetary"]
                found[customer, money["currency"]] += sign * money["value"]
    return [(*key, left) for key, left in found.items()]


def revenue(ledger: Ledger) -> Figures:
    found: Counter[tuple[str, str, str]] = Counter()
    for invoice in ledger.all("invoice"):
        if invoice["status"] == "paid":
            month = f"{day(invoice['status_transitions']['paid_at']):%Y-%m}"
            for line in invoice["lines"]["data"]:
                pricing = line["pricing"]
                product = (
                    ledger.one("product", pricing["price_details"]["product"])["name"] if pricing else "no product"
                )
                found[month, product, line["currency"]] += line["amount"]
    return [(*key, amount) for key, amount in found.items()]


def subscriptions_by_card(ledger: Ledger) -> Figures:
    found = Counter(
        (ledger.one("v2.billing.rate_card", one["rate_card"])["display_name"], one["collection_status"])
        for one in ledger.all("v2.billing.rate_card_subscription")
        if one["servicing_status"] == "active"
    )
    return [(*key, number) for key, number in found.items()]


def past_due(ledger: Ledger) -> Figures:
    late = [(one["id"], one["customer"]) for one in ledger.all("subscription") if one["status"] == "past_due"]
    late += [
        (one["id"], ledger.payer(one))
        for one in ledger.all("v2.billing.rate_card_subscription")
        if one["servicing_status"] == "active" and one["collection_status"] == "past_due"
    ]
    return [(identifier, customer, ledger.one("customer", customer)["email"]) for identifier, customer in late]


def discounts(ledger: Ledger) -> Figures:
    found: Figures = []
    for subscription in ledger.all("subscription"):
        for discount in subscription["discounts"]:
            end = discount["end"]
            if subscription["status"] != "canceled" and (end is None or day(end) > ledger.today):
                coupon = ledger.one("coupon", discount["source"]["coupon"])
                off = (text(coupon["percent_off"]), text(coupon["amount_off"]))
                found.append((subscription["id"], coupon["name"], *off, text(end)))
    return found


def text(value: object) -> str | None:
    return None if value is None else str(value)


def ended(ledger: Ledger) -> Figures:
    over: dict[str, list[str]] = defaultdict(list)
    for one in ledger.all("subscription"):
        if one["status"] == "canceled":
            over[f"{day(one['ended_at']):%Y-%m}"].append(one["customer"])
    for one in ledger.all("v2.billing.rate_card_subscription"):
        if one["servicing_status"] == "canceled":
            over[one["servicing_status_transitions"]["canceled_at"][:7]].append(ledger.payer(one))
    return [(month, len(customers), len(set(customers))) for month, customers in over.items()]


def without_payment_method(ledger: Ledger) -> Figures:
    found = set()
    for one in ledger.all("subscription"):
        customer = ledger.one("customer", one["customer"])
        methods = (
            one["default_payment_method"],
            one["default_source"],
            customer["default_source"],
            customer["invoice_settings"]["default_payment_method"],
        )
        if one["status"] in OPEN and one["collection_method"] == "charge_automatically" and not any(methods):
            found.add((customer["id"], customer["name"], customer["email"]))
    return [*found]


def renewals(ledger: Ledger) -> Figures:
    first: dict[tuple[str, str], date] = {}
    for subscription, item in ledger.items(*OPEN):
        key, end = (subscription["id"], subscription["customer"]), day(item["current_period_end"])
        if not subscription["cancel_at_period_end"]:
            first[key] = min(end, first.get(key, end))
    last = ledger.today + timedelta(days=30)
    return [(*key, end) for key, end in first.items() if ledger.today <= end <= last]


def rates(ledger: Ledger) -> Figures:
    """Those that were never removed: no change of a card drops a rate."""
    found: Figures = []
    for card in ledger.all("v2.billing.rate_card"):
        for rate in ledger.all("v2.billing.rate_card_rate"):
            if card["active"] and rate["rate_card"] == card["id"]:
                about = (card["display_name"], rate["metered_item"]["display_name"])
                for tier in rate["tiers"] or [{"unit_amount": rate["unit_amount"]}]:
                    limit = tier.get("up_to_decimal") or "any"
                    found.append((*about, limit, tier["unit_amount"], tier.get("flat_amount")))
    return found


REPORTS: Mapping[str, Callable[[Ledger], Figures]] = {
    "Monthly recurring revenue": monthly_recurring_revenue,
    "Ageing of open invoices": ageing,
    "Usage by customer and meter": usage,
    "Credit left by customer": credit,
    "Revenue by product": revenue,
    "Active rate card subscriptions by card": subscriptions_by_card,
    "Past due subscriptions": past_due,
    "Discounts in effect": discounts,
    "Subscriptions that ended, by month": ended,
    "Customers without a payment method": without_payment_method,
    "Renewals of the next thirty days": renewals,
    "Rates in force": rates,
}
