"""The changes at Stripe in a schedule, and their events."""

from collections.abc import Callable, Sequence
from urllib.parse import quote

from billing_mirror.core import times
from billing_mirror.core.json_body import Json, JsonObject

from .aws import NO_MAP_HOLDS
from .chosen_ids import make_coupons
from .faults import Consequence, Dice, Fault
from .stripe import UNSTORABLE, StripeObject, StripeState

WITHOUT_LISTS = frozenset({"customer", "v2.billing.rate_card_subscription"})
"""What may be unstorable. A list in a body is read twice, which sends a message before each write, refused or not; and
what no list but an owner's shows is not found while the owner is not mirrored. No double reads several items.
"""
Announce = Callable[[str, StripeObject], None]
"""Takes the type of an event and its object."""


AGES = (1e5, 2e5, 3e5, 4e5, 5e6, 6e6, 7e6, 8e7, 9e7)
"""Seconds for which customers from long ago exist: far enough apart for a reader to leave the older ones to another."""
LARGE = ("product", "invoice")
"""The types whose bodies take several items of the table: one is deleted and made again, one has long lists."""


class Scenario:
    """Creates, changes and deletes objects of one account; ``one_sided``: mostly one kind of change."""

    def __init__(
        self,
        state: StripeState,
        context: str | None,
        dice: Dice,
        now: Callable[[], float],
        announce: Announce,
        *,
        one_sided: bool = False,
    ) -> None:
        self._state = state
        self._context = context
        self._dice = dice
        self._random = dice.random
        self._now = now
        self._announce = announce
        self._numbers = 0
        self._kinds = self._choose_kinds(one_sided=one_sided)

    def _choose_kinds(self, *, one_sided: bool) -> Sequence[Callable[[], None]]:
        kinds = (
            *[
                self._change_subscription,
                self._change_product,
                self._change_customer,
                self._change_rate_card,
                self._change_invoice,
            ]
            * 2,
            self._change_product,
        )
        if self._dice.discounting:
            kinds = (*kinds, *[self._change_discount] * 4)
        return [*kinds, *[self._random.choice(kinds)] * 36] if one_sided else kinds

    def set_up(self) -> None:
        """Creates the first objects, each with its event."""
        self._make("v1.customer", "customer", "cus_1", "/v1/customers")
        self._make(
            "v2.billing.cadence", "v2.billing.cadence", "bc_1", "/v2/billing/cadences", payer={"customer": "cus_1"}
        )
        self._change_product()
        if self._dice.removing and self._context is None:
            make_coupons(self._make)
        if self._dice.listing_long:
            for number, age in enumerate(AGES):
                self._make_long_ago("v1.customer", "customer", f"cus_old{number}", "/v1/customers", age)

    def step(self) -> None:
        """One change, of one of several kinds."""
        self._random.choice(self._kinds)()

    def _change_subscription(self) -> None:
        name = "v2.billing.rate_card_subscription"
        obj = self._object("/v2/billing/rate_card_subscriptions", "rcds_1")
        if obj is None:
            fields: JsonObject = {"billing_cadence": "bc_1", "rate_card": "rcd_1", "servicing_status": "active"}
            self._make(
                name, name, "rcds_1", "/v2/billing/rate_card_subscriptions", event="servicing_activated", **fields
            )
            return
        status = self._random.choice(("active", "paused", "canceled"))
        self._change_or_revert(obj, {"servicing_status": status})
        for event in self._random.sample(
            ("servicing_paused", "servicing_canceled", "canceled"), self._random.randint(1, 2)
        ):
            self._announce(f"{name}.{event}", obj)

    def _change_product(self) -> None:
        """A product with a chosen id: it can be deleted and created again."""
        obj = self._object("/v1/products", "gold")
        if obj is None or obj.now is None:
            self._dice.counts[Consequence.RECREATED] += obj is not None
            self._make("v1.product", "product", "gold", "/v1/products")
        elif self._random.random() < 0.5:
            self._change(obj, None)
            self._announce("v1.product.deleted", obj)
        else:
            self._change_or_revert(obj, {"name": f"Gold {self._number()}"})
            self._announce("v1.product.updated", obj)

    def _change_invoice(self) -> None:
        """An invoice with more lines than Stripe shows at once."""
        obj = self._object("/v1/invoices", "in_1")
        lines: JsonObject = {
            "object": "list",
            "has_more": False,
            "data": [{"id": f"il_{number}", "amount": self._number()} for number in range(self._random.randint(9, 13))],
        }
        if obj is None:
            self._make("v1.invoice", "invoice", "in_1", "/v1/invoices", customer="cus_1", lines=lines)
            return
        self._change_or_revert(obj, {"lines": lines, "total": self._number()})
        for event in self._random.sample(("updated", "line_item_added", "paid"), self._random.randint(1, 3)):
            self._announce(f"v1.invoice.{event}", obj)

    def _change_rate_card(self) -> None:
        """A version of a rate card with a new rate, or without an old one: Stripe sends no event for that rate."""
        path = "/v2/billing/rate_cards"
        card = self._object(path, "rcd_1") or self._make("v2.billing.rate_card", "v2.billing.rate_card", "rcd_1", path)
        live = str((card.now or {}).get("live_version", ""))
        before = self._state.rates.get((self._context, live), [])
        rates = [*before]
        if rates and self._random.random() < 0.4:
            deleted = self._object(f"{path}/rcd_1/rates", rates.pop())
            if deleted is not None:
                self._change(deleted, None)
        else:
            rates.append(self._name("rcdr"))
        version = self._name("rcdv")
        self._state.rates[self._context, version] = rates
        self._state.rates_before[self._context, version] = before
        for rate in rates:
            if self._object(f"{path}/rcd_1/rates", rate) is None:
                fields: dict[str, str] = {"rate_card": "rcd_1", "rate_card_version": version}
                self._make(
                    "v2.billing.rate_card_rate", "v2.billing.rate_card_rate", rate, f"{path}/rcd_1/rates", **fields
                )
        name = "v2.billing.rate_card_version"
        self._make(name, name, version, f"{path}/rcd_1/versions", rate_card_id="rcd_1")
        self._change(card, {"live_version": version})

    def _change_customer(self) -> None:
        """Creates a customer, who may never change again, or changes an existing one."""
        identifier = f"cus_{self._random.choice((1, 1, 2, 3))}"
        obj = self._object("/v1/customers", identifier)
        if obj is None:
            self._make("v1.customer", "customer", identifier, "/v1/customers")
        else:
            self._change_or_revert(obj, {"balance": self._number()})
            self._announce("v1.customer.updated", obj)

    def _change_discount(self) -> None:
        """A discount of a customer, perhaps of an invoice too: Stripe sends no event for these, only one for it."""
        customer = self._object("/v1/customers", "cus_1")
        invoice = self._object("/v1/invoices", "in_1") or self._make(
            "v1.invoice", "invoice", "in_1", "/v1/invoices", customer="cus_1"
        )
        owners = {"customer": customer, "invoice": invoice if self._random.random() < 0.7 else None}
        name = self._name("di")
        for owner in owners.values():
            if owner is not None:
                self._change(owner, {"discount": name})
        body: JsonObject = {"id": name, "object": "discount"}
        body |= {kind: str((owner.now or {})["id"]) if owner else None for kind, owner in owners.items()}
        discount = StripeObject("/v1/customers/cus_1/discount", self._context, "", [(self._now(), body)])
        self._announce("v1.customer.discount.created", discount)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _name(self, prefix: str) -> str:
        return f"{prefix}_{self._number()}"

    def _object(self, list_path: str, identifier: str) -> StripeObject | None:
        return self._state.objects.get((self._context, f"{list_path}/{identifier}"))

    def _make(
        self, resource: str, name: str, identifier: str, list_path: str, *, event: str = "created", **fields: Json
    ) -> StripeObject:
        path = f"{list_path}/{quote(identifier, safe='')}"
        obj = self._state.objects.setdefault((self._context, path), StripeObject(path, self._context, list_path))
        body: JsonObject = {
            "id": identifier,
            "object": name,
            "livemode": False,
            "created": times.iso(self._now()) if name.startswith("v2.") else self._created(),
            "account": self._context,
        }
        body |= {"made": self._number(), **fields, **(NO_MAP_HOLDS if name in LARGE else {})}
        if name in WITHOUT_LISTS and self._dice.strikes(Fault.UNSTORABLE):
            body |= {UNSTORABLE: True}
        obj.states.append((self._now(), body))
        self._announce(f"{resource}.{event}", obj)
        return obj

    def _make_long_ago(self, resource: str, name: str, identifier: str, list_path: str, ago: float) -> None:
        """An object that Stripe has shown for long, and an event of today about it."""
        path = f"{list_path}/{identifier}"
        body: JsonObject = {"id": identifier, "object": name, "livemode": False, "account": self._context}
        body |= {"created": self._created(ago)}
        obj = StripeObject(path, self._context, list_path, [(self._now() - ago, body)])
        self._state.objects[self._context, path] = obj
        self._announce(f"{resource}.updated", obj)

    def _created(self, ago: float = 0.0) -> int:
        """v1 names a whole second."""
        return int(self._now() - ago)

    def _change_or_revert(self, obj: StripeObject, fields: JsonObject) -> None:
        """Changes the object, or reverts its last change."""
        last = [body for _, body in obj.states[-2:] if body is not None]
        if len(last) == 2 and self._random.random() < 0.5:
            self._dice.counts[Consequence.REVERTED] += 1
            obj.states.append((self._now(), last[0]))
        else:
            name = (obj.now or {}).get("object")
            is_odd = name in WITHOUT_LISTS and self._dice.strikes(Fault.UNSTORABLE)
            self._change(obj, {**fields, UNSTORABLE: True} if is_odd else fields)

    def _change(self, obj: StripeObject, fields: JsonObject | None) -> None:
        self._dice.counts[Consequence.DELETED] += fields is None
        after = None if fields is None else {**(obj.now or {}), **fields, "changed": self._number()}
        if fields is not None and after is not None and not fields.get(UNSTORABLE):
            after.pop(UNSTORABLE, None)
        obj.states.append((self._now(), after))
