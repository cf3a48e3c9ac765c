"""Which changes does the demo make at Stripe? Those of a small company with usage-based prices and with seats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from billing_mirror.core.json_body import JsonObject
from dev.fake_stripe.client import StandIn

METERED_ITEM = "v2.billing.metered_item"
RATE_CARD = "v2.billing.rate_card"
RATE = "v2.billing.rate_card_rate"
DAY = 86_400
SEAT = 1_200
"""What a seat costs, in cents."""
LONG_AGO = "2026-01-05T08:00:00.000Z"
"""The creation of the first prices: a removed object younger than a minute counts as deleted only later."""
CADENCE = "v2.billing.cadence"
SUBSCRIPTION = "v2.billing.rate_card_subscription"
PRICING_PLAN = "v2.billing.pricing_plan"
SERVICE_ACTION = "v2.billing.service_action"

CONNECTED = {"acct_franchise": "Jaya", "acct_reseller": "Kofi"}
"""Connected accounts, and the customer of each.

Their events come to the same webhook, and the same key reads their objects.
"""
METERS = ("Input tokens", "Output tokens", "Images", "Storage")
CUSTOMERS = ("Ada", "Bela", "Chioma", "Dmitri", "Esra", "Fatou", "Goran", "Hana")

GRADUATED: JsonObject = {
    "tiering_mode": "graduated",
    "tiers": [
        {"up_to_decimal": "1000000", "unit_amount": "0.00025"},
        {"up_to_decimal": "50000000.5", "unit_amount": "0.0002"},
        {"up_to_inf": "inf", "unit_amount": "0.000125", "flat_amount": "500"},
    ],
}
VOLUME: JsonObject = {
    "tiering_mode": "volume",
    "tiers": [
        {"up_to_decimal": "100", "unit_amount": "4"},
        {"up_to_inf": "inf", "unit_amount": "3.25"},
    ],
}

IN_TWO_CURRENCIES: JsonObject = {
    "billing_scheme": "tiered",
    "currency": "usd",
    "tiers_mode": "graduated",
    "tiers": [{"up_to": 10, "unit_amount": 1100}, {"up_to": None, "unit_amount": 900}],
    "currency_options": {
        "usd": {"tiers": [{"up_to": 10, "unit_amount": 1100}, {"up_to": None, "unit_amount": 900}]},
        "eur": {"tiers": [{"up_to": 10, "unit_amount": 1000}, {"up_to": None, "unit_amount": 820}]},
    },
}
"""A v1 price, whose tiers Stripe shows on request only, in each currency for a path of its own."""


@dataclass
class Scenario:
    """The company's objects. ``report_progress`` gets a text for each step."""

    stripe: StandIn
    report_progress: Callable[[str], None] = lambda _: None
    items: list[str] = field(default_factory=list)
    card: str = ""
    rates: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    seats: JsonObject = field(default_factory=dict)
    connected_customers: dict[str, str] = field(default_factory=dict)

    def set_up(self) -> None:
        """Prices first, then customers who subscribe."""
        meter = ""
        for name in METERS:
            meter = self._create("billing.meter", display_name=name, event_name=name.lower().replace(" ", "_"))
            self.items.append(self._create(METERED_ITEM, display_name=name, meter=meter))
        prices: tuple[JsonObject, ...] = ({"unit_amount": "0.001"}, GRADUATED, VOLUME)
        first: list[JsonObject] = [
            {"metered_item": item, "created": LONG_AGO, **price}
            for item, price in zip(self.items, prices, strict=False)
        ]
        self.card = self._create(RATE_CARD, display_name="Pay as you go", rates=first)
        self._create(RATE_CARD, display_name="Enterprise", rates=first[:1])
        self.rates = [str(one["id"]) for one in self.stripe.objects(RATE) if one["body"]["rate_card"] == self.card]
        self._offer_a_plan()
        self._sell_seats()
        for name in CUSTOMERS:
            self._sign_up(name)
        self.report_progress("reporting usage without a customer to bill")
        self.stripe.meter_error(meter)
        self._connect_accounts()

    def change_for_a_month(self) -> None:
        """Activations, a late payment, a cancellation, a new rate and a removed rate."""
        for subscription in self.subscriptions:
            self._transition(subscription, "active")
        self._transition(self.subscriptions[0], "past_due")
        self._transition(self.subscriptions[1], "canceled")
        self._transition(self.subscriptions[2], "past_due")
        self._transition(self.subscriptions[2], "current")
        self.report_progress("adding a rate to the rate card")
        added = {"metered_item": self.items[3], "unit_amount": "0.02"}
        self.rates.append(str(self.stripe.create(RATE, added, parent=self.card)["id"]))
        self.report_progress("removing a rate from the rate card")
        self.stripe.remove(self.rates[0])
        self.stripe.update(self.card, {"display_name": "Pay as you grow"})
        self._bill_by_seats()

    def leave_an_invoice_unpaid(self, now: float) -> None:
        """The first customer has credit, and an invoice of three weeks ago that was due a week ago."""
        customer = str(self.stripe.objects("customer")[0]["id"])
        lines: list[JsonObject] = [
            {"amount": 10_000, "description": "Onboarding"},
            {"amount": 4_700, "description": "Training"},
        ]
        made, due = int(now) - 21 * DAY, int(now) - 7 * DAY
        invoice = self._invoice(
            customer, "LATE-0001", lines, created=made, period_start=made, period_end=made, due_date=due
        )
        self._transition(invoice, "open")
        amount: JsonObject = {"type": "monetary", "monetary": {"currency": "usd", "value": 2_000}}
        grant = self._create("billing.credit_grant", customer=customer, amount=amount)
        credit: JsonObject = {"amount": amount, "type": "credits_granted"}
        self._create("billing.credit_balance_transaction", credit_grant=grant, type="credit", credit=credit)

    def miss_a_payment(self) -> str:
        """One subscription becomes past due. Returns its id."""
        late = self.subscriptions[4]
        self._transition(late, "past_due")
        return late

    def change_under_faults(self) -> None:
        """More changes, while events are repeated and reordered and Stripe refuses some requests."""
        refusals = [{"status": 429, "reason": "endpoint-rate", "count": 3}, {"status": "503html", "count": 3}]
        self.stripe.faults(duplicate={"probability": 0.4}, reorder={"probability": 0.4, "window": 3}, api=refusals)
        for status in ("past_due", "unpaid", "current"):
            for subscription in self.subscriptions[4:]:
                self._transition(subscription, status)
        self.stripe.settle()
        self.stripe.clear_faults()

    def lose_events(self) -> set[str]:
        """Pauses a subscription, and renames the customers of connected accounts, without their events.

        Returns the ids of all.
        """
        lost = self.subscriptions[3]
        self.stripe.faults(drop={"count": 1, "types": [f"{SUBSCRIPTION}.servicing_paused"]})
        self._transition(lost, "paused")
        for account, customer in self.connected_customers.items():
            renamed = {"name": f"{CONNECTED[account]} & Sons"}
            self.stripe.update(customer, renamed, without_event=True, context=account)
        return {lost, *self.connected_customers.values()}

    def _offer_a_plan(self) -> None:
        """A plan with monthly credit; the credit has no event, only the plan's component names it."""
        credit = self._create(SERVICE_ACTION, type="credit_grant", service_interval="month", service_interval_count=1)
        component: JsonObject = {"type": "service_action", "service_action": {"id": credit}}
        self._create(PRICING_PLAN, display_name="Team", components=[component])

    def _connect_accounts(self) -> None:
        self.stripe.accounts([*CONNECTED])
        for account, name in CONNECTED.items():
            self.report_progress(f"connecting {account}")
            customer = self.stripe.create("customer", {"name": name}, context=account)
            self.connected_customers[account] = str(customer["id"])
            self.stripe.create("product", {"name": "Seats, resold"}, context=account)

    def _sell_seats(self) -> None:
        """A product and a coupon with chosen ids, which v1 allows."""
        product = self._create("product", id="seats", name="Seats")
        self.seats = self.stripe.create("price", {"product": product, "currency": "usd", "unit_amount": SEAT})
        self._create("price", product=product, nickname="Teams", **IN_TWO_CURRENCIES)
        self._create("coupon", id="launch", name="Launch", percent_off="12.5", duration="forever")

    def _bill_by_seats(self) -> None:
        """A customer with more seats, and more lines on the invoice, than fit on a page."""
        customer = self._create("customer", name="Ivo", email="ivo@example.com")
        seats: list[JsonObject] = [{"price": self.seats, "quantity": 10} for _ in range(13)]
        tried = self._create("subscription", customer=customer, items=seats[:1])
        subscription = self._create("subscription", customer=customer, items=seats)
        lines: list[JsonObject] = [{"amount": SEAT, "description": f"Seat {number}"} for number in range(1, 131)]
        details: JsonObject = {"type": "subscription_details", "subscription_details": {"subscription": subscription}}
        invoice = self._invoice(customer, "SEATS-0001", lines, parent=details)
        self._transition(invoice, "open")
        self.report_progress("an object becomes paid")
        self.stripe.update(invoice, {"status": "paid", "amount_paid": _sum(lines), "amount_remaining": 0})
        self.report_progress("giving a discount")
        self.stripe.update(customer, {"discount": {"object": "discount", "id": "di_1", "customer": customer}})
        self._transition(tried, "canceled")

    def _invoice(self, customer: str, number: str, lines: list[JsonObject], **fields: object) -> str:
        """An invoice over these lines, of which nothing is paid."""
        names = ("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax", "amount_due", "amount_remaining")
        amounts = dict.fromkeys(names, _sum(lines))
        return self._create("invoice", customer=customer, number=number, lines=lines, **amounts, **fields)

    def _sign_up(self, name: str) -> None:
        customer = self._create("customer", name=name, email=f"{name.lower()}@example.com")
        cadence = self._create(CADENCE, payer={"type": "customer", "customer": customer})
        self.subscriptions.append(
            self._create(SUBSCRIPTION, billing_cadence=cadence, rate_card=self.card, servicing_status="pending")
        )

    def _create(self, type_name: str, **fields: object) -> str:
        self.report_progress(f"creating {fields.get('display_name') or fields.get('name') or type_name}")
        return str(self.stripe.create(type_name, fields)["id"])

    def _transition(self, identifier: str, status: str) -> None:
        self.report_progress(f"an object becomes {status.replace('_', ' ')}")
        self.stripe.transition(identifier, status)


def _sum(lines: Sequence[JsonObject]) -> int:
    return sum(amount for line in lines if isinstance(amount := line["amount"], int))
