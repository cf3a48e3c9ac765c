"""A company at the stand-in with every kind of thing that the reports count."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing_mirror.core.json_body import JsonObject
from dev.fake_stripe.client import StandIn

DAY = 86400
LONG_AGO = "2026-01-05T08:00:00.000Z"
"""A removed object younger than a minute counts as deleted only later."""
CARD, CADENCE = "v2.billing.rate_card", "v2.billing.cadence"
RATE_CARD_SUBSCRIPTION = "v2.billing.rate_card_subscription"


@dataclass
class Company:
    """Its objects, with times relative to ``now`` (Unix seconds)."""

    stripe: StandIn
    now: int
    customers: dict[str, str] = field(default_factory=dict)
    prices: dict[str, JsonObject] = field(default_factory=dict)

    def set_up(self) -> None:
        for name in ("Ada", "Bela\nGmbH", "Chioma", "Đorđe", "Esra"):
            self.customers[name] = self._create("customer", name=name, email=f"{name[:3].lower()}@example.com")
        self.stripe.update(
            self.customers["Chioma"], {"invoice_settings": {"default_payment_method": "pm_1", "footer": None}}
        )
        self._sell()
        self._subscribe()
        self._bill()
        self._meter()

    def drop_a_rate(self) -> None:
        """The card gets a version without it: Stripe sends no other event."""
        self.stripe.remove(self._dropped_rate)

    def _sell(self) -> None:
        self.products = {
            name: self._create("product", id=f"prod_{name}", name=f"{name}, yearly or monthly")
            for name in ("seats", "vault")
        }
        for name, product, currency, amount, interval, every in (
            ("month", "seats", "usd", "1999", "month", 1),
            ("quarter", "seats", "usd", "5000", "month", 3),
            ("year", "vault", "usd", "9999.99", "year", 1),
            ("week", "vault", "usd", "333.333333333333", "week", 1),
            ("day", "vault", "eur", "12.5", "day", 2),
            ("euro", "seats", "eur", "1001", "month", 1),
        ):
            recurring: JsonObject = {"interval": interval, "interval_count": every, "usage_type": "licensed"}
            self.prices[name] = self.stripe.create(
                "price",
                {
                    "product": self.products[product],
                    "currency": currency,
                    "unit_amount_decimal": amount,
                    "type": "recurring",
                    "recurring": recurring,
                },
            )
        metered: JsonObject = {"interval": "month", "interval_count": 1, "usage_type": "metered"}
        self.prices["metered"] = self.stripe.create(
            "price",
            {"product": self.products["vault"], "currency": "usd", "unit_amount_decimal": "7", "recurring": metered},
        )
        self._create("coupon", id="launch", name="Launch", percent_off=12, duration="forever")
        self._create("coupon", id="sorry", name="Sorry", amount_off=500, currency="usd", duration="once")

    def _subscribe(self) -> None:
        ada, bela, chioma, dorde, esra = self.customers.values()
        soon, late = self.now + 10 * DAY, self.now + 200 * DAY
        self.subscriptions = [
            self._subscription(ada, {"month": 3, "year": 7, "metered": 1}, ends=soon),
            self._subscription(bela, {"quarter": 11, "week": 13}, ends=late, status="past_due"),
            self._subscription(chioma, {"euro": 2, "day": 5}, ends=soon, currency="eur", status="trialing"),
            self._subscription(chioma, {"euro": 3, "day": 1}, ends=late, currency="eur"),
            self._subscription(dorde, {"month": 1000}, ends=soon, status="canceled"),
            self._subscription(esra, {"month": 1}, ends=soon, cancel_at_period_end=True, default_payment_method="pm_2"),
            self._subscription(esra, {"month": 2}, ends=late, collection_method="send_invoice", days_until_due=14),
        ]
        long_over = self._subscription(esra, {"month": 4}, ends=soon, status="canceled")
        self.stripe.update(long_over, {"ended_at": self.now - 100 * DAY})
        for index, (coupon, end) in enumerate(
            (("launch", None), ("sorry", self.now - 40 * DAY), ("sorry", self.now + 40 * DAY), ("launch", None))
        ):
            discount: JsonObject = {
                "id": f"di_{index}", "object": "discount", "end": end, "start": self.now - 90 * DAY,
                "source": {"type": "coupon", "coupon": coupon},
            }  # fmt: skip
            self.stripe.update(self.subscriptions[(0, 1, 3, 4)[index]], {"discounts": [discount]})

    def _subscription(
        self, customer: str, quantities: dict[str, int], *, ends: int, status: str = "active", **fields: object
    ) -> str:
        items: list[JsonObject] = [
            {"price": self.prices[name], "quantity": quantity, "current_period_end": ends + index * DAY}
            for index, (name, quantity) in enumerate(quantities.items())
        ]
        subscription = self._create("subscription", customer=customer, items=items, **fields)
        if status != "active":
            self.stripe.transition(subscription, status)
        return subscription

    def _bill(self) -> None:
        ada, bela, chioma, dorde, _ = self.customers.values()
        for customer, currency, status, due_in_days, amounts in (
            (ada, "usd", "open", 5, (1999, 70_001)),
            (ada, "usd", "open", -1, (3,)),
            (bela, "usd", "open", -30, (999_999_999_999, 1)),
            (bela, "usd", "open", -31, (17,)),
            (bela, "eur", "open", -61, (19, -4)),
            (dorde, "usd", "open", -300, (23,)),
            (dorde, "usd", "open", None, (29,)),
            (chioma, "usd", "draft", None, (31,)),
            (chioma, "usd", "paid", None, (101, 203, 307)),
            (chioma, "eur", "paid", None, tuple(range(1, 26))),
            (dorde, "usd", "void", None, (37,)),
        ):
            self._invoice(customer, currency, status, due_in_days, amounts)

    def _invoice(
        self, customer: str, currency: str, status: str, due_in_days: int | None, amounts: tuple[int, ...]
    ) -> None:
        products = [*self.products.values(), None]
        lines: list[JsonObject] = [
            {"amount": amount, "currency": currency, "pricing": self._pricing(products[index % 3])}
            for index, amount in enumerate(amounts)
        ]
        total = sum(amounts)
        due: JsonObject = {} if due_in_days is None else {"due_date": self.now + due_in_days * DAY}
        invoice = self._create(
            "invoice", customer=customer, currency=currency, lines=lines, total=total, amount_remaining=total, **due
        )
        if status == "void":
            self.stripe.transition(invoice, "open")
        if status != "draft":
            self.stripe.transition(invoice, status)

    def _pricing(self, product: str | None) -> JsonObject | None:
        return {"type": "price_details", "price_details": {"product": product}} if product else None

    def _meter(self) -> None:
        ada, bela, chioma, dorde, esra = self.customers.values()
        self.meters = [
            self._create("billing.meter", display_name=name, event_name=name.lower()) for name in ("Tokens", "Images")
        ]
        items = [
            self._create("v2.billing.metered_item", display_name=f"Item {number}", meter=meter)
            for number, meter in enumerate(self.meters)
        ]
        graduated: JsonObject = {
            "tiering_mode": "graduated",
            "tiers": [
                {"up_to_decimal": "1000", "unit_amount": "0.000000000001", "flat_amount": "250"},
                {"up_to_inf": "inf", "unit_amount": "0.25"},
            ],
        }
        rates: list[JsonObject] = [
            {"metered_item": items[0], "unit_amount": "0.1"},
            {"metered_item": items[1], **graduated},
        ]
        cards = [
            self._create(CARD, display_name="Basic", rates=rates),
            self._create(CARD, display_name="Pro", rates=rates[:1]),
            self._create(CARD, display_name="Gone", rates=rates[:1], active=False),
        ]
        dropped: JsonObject = {"metered_item": items[1], "unit_amount": "9", "created": LONG_AGO}
        self._dropped_rate = str(self.stripe.create("v2.billing.rate_card_rate", dropped, parent=cards[1])["id"])
        self.stripe.create(
            "v2.billing.rate_card_rate", {"metered_item": items[0], "unit_amount": "0.2"}, parent=cards[0]
        )
        for customer, card, status in (
            (ada, cards[0], ""), (bela, cards[0], "past_due"), (chioma, cards[1], ""), (dorde, cards[1], "canceled"),
            (esra, cards[0], ""), (dorde, cards[0], "canceled"),
        ):  # fmt: skip
            cadence = self._create(CADENCE, payer={"type": "customer", "customer": customer})
            subscription = self._create(RATE_CARD_SUBSCRIPTION, billing_cadence=cadence, rate_card=card)
            if status:
                self.stripe.transition(subscription, status)
        hour = self.now // 3600 * 3600
        for customer, meter, value, hours in (
            (ada, 0, "1000000", 3), (ada, 0, "0.000000000001", 3), (ada, 0, "12.5", 5), (ada, 1, "7", 3),
            (bela, 0, "3", 800), (bela, 0, "4", 2),
        ):  # fmt: skip
            self.stripe.usage(self.meters[meter], customer, value, timestamp=hour - hours * 3600 + 60)
        self._grant(ada, "usd", 10_000, (2_500, 33))
        self._grant(ada, "eur", 77, ())
        self._grant(bela, "usd", 5, (5,))

    def _grant(self, customer: str, currency: str, value: int, used: tuple[int, ...]) -> None:
        grant = self._create("billing.credit_grant", customer=customer)
        for kind, amount in (("credit", value), *(("debit", one) for one in used)):
            movement: JsonObject = {"amount": {"type": "monetary", "monetary": {"currency": currency, "value": amount}}}
            self._create("billing.credit_balance_transaction", credit_grant=grant, type=kind, **{kind: movement})

    def _create(self, type_name: str, **fields: object) -> str:
        return str(self.stripe.create(type_name, fields)["id"])
