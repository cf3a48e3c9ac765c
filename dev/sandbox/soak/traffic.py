"""Which changes does a busy company make? Changes of objects of many types, each with an event.

Changes without an event are left out: the table differs from Stripe until reconcile finds them.
"""

import random
from collections.abc import Callable, Mapping
from itertools import count

from billing_mirror.core.json_body import JsonObject
from dev.fake_stripe.client import StandIn
from dev.sandbox.demo.scenario import CADENCE, METERED_ITEM, PRICING_PLAN, RATE, RATE_CARD, SERVICE_ACTION, SUBSCRIPTION

COMPONENT = "v2.billing.pricing_plan_component"
LICENSE_FEE = "v2.billing.license_fee"
LICENSED_ITEM = "v2.billing.licensed_item"
MOST_MEMBERS = 8
"""The most rates of the card, and components of the plan: above, a change removes one."""
FEWEST = 20
"""The fewest objects of a type: deletion right after creation keeps the object's event waiting for a minute."""
CASH_CUSTOMERS = 5
MOST_LINES = 30
"""The most lines of an invoice; Stripe shows ten in the invoice."""


class Traffic:
    """Random changes at a stand-in. Equal seeds make equal changes, to objects with other ids."""

    def __init__(self, stripe: StandIn, rng: random.Random) -> None:
        self._stripe = stripe
        self._rng = rng
        self._number = count(1)
        self._customers: list[str] = []
        self._cash_customers: list[str] = []
        """Customers who are never deleted: no event announces that a cash balance is deleted with its customer."""
        self._cadences: list[str] = []
        self._subscriptions: list[str] = []
        self._classic_subscriptions: list[str] = []
        self._rates: list[str] = []
        self._components: list[str] = []
        self._drafts: list[str] = []
        self._open_invoices: list[str] = []
        self._invoice_items: list[str] = []
        self._coupons: list[str] = []
        self._tax_ids: list[str] = []
        self._grants: list[str] = []
        self._meter = self._create("billing.meter", display_name=self._name(), event_name="tokens")
        self._item = self._create(METERED_ITEM, display_name=self._name(), meter=self._meter)
        self._card = self._create(RATE_CARD, display_name=self._name(), rates=[self._rate()])
        self._credit = self._create(SERVICE_ACTION, type="credit_grant")
        self._plan = self._create(PRICING_PLAN, display_name=self._name(), components=[self._component()])
        licensed = self._create(LICENSED_ITEM, display_name=self._name())
        self._fee = self._create(LICENSE_FEE, display_name=self._name(), licensed_item=licensed, unit_amount="5")
        self._product = self._create("product", name=self._name())
        self._price = stripe.create("price", {"product": self._product, "unit_amount": 1200})
        for create_first in (self._sign_up, self._subscribe, self._bill, self._add_invoice_item, self._offer_coupon):
            create_first()
        self._cash_customers += [self._create("customer", name=self._name()) for _ in range(CASH_CUSTOMERS)]
        self._changes: Mapping[Callable[[], None], int] = {
            self._sign_up: 3,
            self._switch_service: 8,
            self._collect: 10,
            self._run_cadence: 6,
            self._rename_customer: 10,
            self._give_discount: 3,
            self._delete_customer: 1,
            self._fill_cash_balance: 2,
            self._rename_prices: 6,
            self._change_rates: 3,
            self._change_components: 2,
            self._change_fee: 2,
            self._subscribe: 2,
            self._change_items: 6,
            self._cancel: 1,
            self._bill: 3,
            self._change_lines: 5,
            self._finalize: 2,
            self._pay: 2,
            self._add_invoice_item: 3,
            self._change_invoice_item: 4,
            self._drop_invoice_item: 2,
            self._offer_coupon: 2,
            self._end_coupon: 1,
            self._register_tax_id: 2,
            self._drop_tax_id: 1,
            self._grant_credit: 2,
            self._rename_credit: 3,
        }

    def change(self) -> None:
        """Makes one random change; common changes have a higher weight."""
        (chosen,) = self._rng.choices([*self._changes], weights=[*self._changes.values()])
        chosen()

    def _sign_up(self) -> None:
        """A customer, a cadence with a profile, and a subscription to the rate card."""
        customer = self._create("customer", name=self._name())
        cadence = self._create(CADENCE, payer={"type": "customer", "customer": customer})
        self._customers.append(customer)
        self._cadences.append(cadence)
        self._subscriptions.append(self._create(SUBSCRIPTION, billing_cadence=cadence, rate_card=self._card))

    def _switch_service(self) -> None:
        subscription = self._any(self._subscriptions)
        for status in ("paused", "active"):
            self._stripe.transition(subscription, status)

    def _collect(self) -> None:
        status = self._rng.choice(("past_due", "unpaid", "current"))
        self._stripe.transition(self._any(self._subscriptions), f"collection_{status}")

    def _run_cadence(self) -> None:
        self._stripe.transition(self._any(self._cadences), "billed")

    def _rename_customer(self) -> None:
        self._stripe.update(self._any(self._customers), {"name": self._name()})

    def _give_discount(self) -> None:
        source: JsonObject = {"coupon": self._any(self._coupons), "type": "coupon"}
        self._stripe.update(self._any(self._customers), {"discount": {"source": source}})

    def _delete_customer(self) -> None:
        if len(self._customers) > FEWEST:
            self._stripe.remove(self._pop_any(self._customers))

    def _fill_cash_balance(self) -> None:
        balance: JsonObject = {"available": {"eur": next(self._number)}}
        self._stripe.create("cash_balance", balance, parent=self._any(self._cash_customers))

    def _rename_prices(self) -> None:
        identifier, field = self._rng.choice(
            (
                (self._meter, "display_name"),
                (self._item, "display_name"),
                (self._card, "display_name"),
                (self._plan, "display_name"),
                (self._product, "name"),
                (str(self._price["id"]), "nickname"),
            )
        )
        self._stripe.update(identifier, {field: self._name()})

    def _change_rates(self) -> None:
        if len(self._rates) >= MOST_MEMBERS:
            self._stripe.remove(self._pop_any(self._rates))
        else:
            self._rates.append(self._create(RATE, parent=self._card, **self._rate()))

    def _change_components(self) -> None:
        if len(self._components) >= MOST_MEMBERS:
            self._stripe.remove(self._pop_any(self._components))
        else:
            self._components.append(self._create(COMPONENT, parent=self._plan, **self._component()))

    def _change_fee(self) -> None:
        self._stripe.update(self._fee, {"unit_amount": str(next(self._number))})

    def _subscribe(self) -> None:
        customer = self._any(self._customers)
        self._classic_subscriptions.append(self._create("subscription", customer=customer, items=self._seats()))

    def _change_items(self) -> None:
        self._stripe.update(self._any(self._classic_subscriptions), {"items": self._seats()})

    def _cancel(self) -> None:
        if len(self._classic_subscriptions) > 1:
            self._stripe.transition(self._pop_any(self._classic_subscriptions), "canceled")

    def _bill(self) -> None:
        self._drafts.append(self._create("invoice", customer=self._any(self._customers), lines=self._lines()))

    def _change_lines(self) -> None:
        if self._drafts:
            self._stripe.update(self._any(self._drafts), {"lines": self._lines()})

    def _finalize(self) -> None:
        if self._drafts:
            invoice = self._pop_any(self._drafts)
            self._stripe.transition(invoice, "open")
            self._open_invoices.append(invoice)

    def _pay(self) -> None:
        if self._open_invoices:
            self._stripe.transition(self._pop_any(self._open_invoices), "paid")

    def _add_invoice_item(self) -> None:
        customer = self._any(self._customers)
        self._invoice_items.append(self._create("invoiceitem", customer=customer, amount=next(self._number)))

    def _change_invoice_item(self) -> None:
        self._stripe.update(self._any(self._invoice_items), {"amount": next(self._number)})

    def _drop_invoice_item(self) -> None:
        if len(self._invoice_items) > FEWEST:
            self._stripe.remove(self._pop_any(self._invoice_items))

    def _offer_coupon(self) -> None:
        chosen = f"{next(self._number)}% OFF {self._rng.random()}"
        self._coupons.append(self._create("coupon", id=chosen, percent_off="5"))

    def _end_coupon(self) -> None:
        if len(self._coupons) > FEWEST:
            self._stripe.remove(self._pop_any(self._coupons))

    def _register_tax_id(self) -> None:
        customer, value = self._any(self._customers), f"DE{next(self._number)}"
        self._tax_ids.append(self._create("tax_id", parent=customer, type="eu_vat", value=value))

    def _drop_tax_id(self) -> None:
        if len(self._tax_ids) > FEWEST:
            self._stripe.remove(self._pop_any(self._tax_ids))

    def _grant_credit(self) -> None:
        self._grants.append(self._create("billing.credit_grant", customer=self._any(self._customers)))

    def _rename_credit(self) -> None:
        if self._grants:
            self._stripe.update(self._any(self._grants), {"name": self._name()})

    def _rate(self) -> JsonObject:
        return {"metered_item": self._item, "unit_amount": f"0.{next(self._number)}"}

    def _component(self) -> JsonObject:
        return {"type": "service_action", "service_action": {"id": self._credit}}

    def _seats(self) -> list[JsonObject]:
        """Items of a v1 subscription, sometimes more than one page of them."""
        return [{"price": self._price, "quantity": next(self._number)} for _ in range(self._rng.randint(1, 14))]

    def _lines(self) -> list[JsonObject]:
        return [{"amount": next(self._number)} for _ in range(self._rng.randint(1, MOST_LINES))]

    def _create(self, type_name: str, *, parent: str | None = None, **fields: object) -> str:
        return str(self._stripe.create(type_name, fields, parent=parent)["id"])

    def _any(self, identifiers: list[str]) -> str:
        return self._rng.choice(identifiers)

    def _pop_any(self, identifiers: list[str]) -> str:
        """Removes a random id from the list and returns it."""
        return identifiers.pop(self._rng.randrange(len(identifiers)))

    def _name(self) -> str:
        return f"Number {next(self._number)}"
