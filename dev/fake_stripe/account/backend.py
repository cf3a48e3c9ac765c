"""What belongs to one running stand-in: its accounts, settings, deliveries, and the changes made to them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from dev.fake_stripe.api.faults import Faults, RateLimiter
from dev.fake_stripe.api.protocol import ApiError
from dev.fake_stripe.api.reads import retrieve, show
from dev.fake_stripe.api.rendering import Asked, everything
from dev.fake_stripe.events.delivery import Deliveries
from dev.fake_stripe.events.event import Event, Occurrence, event_of, named_url
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import SUMMARY

from . import cadences, customers, lifecycle, usage, versions
from .lifecycle import Made
from .state import Account, Entity

Create = Callable[[Account, ObjectType, Body, str], Made]
"""From the fields, and the id of the parent where there is one."""

CREATION: Mapping[str, Create] = {
    **dict.fromkeys(versions.BY_OWNER, versions.create_owner),
    **dict.fromkeys(versions.BY_VERSION, versions.renew),
    **dict.fromkeys(versions.BY_MEMBER, versions.add_member),
    "v2.billing.rate_card_subscription": versions.subscribe,
    "v2.billing.pricing_plan_subscription": versions.subscribe,
    "v2.billing.cadence": cadences.create_cadence,
    "tax_id": customers.create_tax_id,
    "cash_balance": customers.create_singleton,
    "tax.settings": customers.create_singleton,
    "entitlements.active_entitlement": customers.grant_entitlement,
}
"""The types that are born with others, or with values taken from others."""

UPDATE: Mapping[str, Callable[..., list[Occurrence]]] = {
    **dict.fromkeys(versions.BY_OWNER, versions.update_owner),
    "customer": customers.update_customer,
}
"""The types whose change changes others, or is told otherwise."""

REMOVAL: Mapping[str, Callable[[Account, Entity], list[Occurrence]]] = {
    **dict.fromkeys(versions.BY_MEMBER, versions.remove_member),
    "entitlements.active_entitlement": customers.end_entitlement,
}

LIVE_KEYS = ("sk_live_", "rk_live_")


class Backend:
    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = {key: key.startswith(LIVE_KEYS) for key in keys}
        self.lock = threading.RLock()
        self.accounts: dict[tuple[str, bool], Account] = {}
        self.faults = Faults()
        self.deliveries = Deliveries(self.faults)
        self.limiter = RateLimiter()
        self.requests: Counter[tuple[str, int]] = Counter()
        """Calls of the API by named operation and status."""
        self.register("")

    def register(self, context: str) -> None:
        for livemode in (False, True):
            self.accounts.setdefault((context, livemode), Account(context, livemode))

    def account(self, context: str, *, livemode: bool) -> Account:
        try:
            return self.accounts[context, livemode]
        except KeyError:
            message = f"The provided key does not have access to account '{context}'."
            raise ApiError(403, message, code="account_invalid") from None

    def create(self, given: Body) -> Body:
        """Add an object to the account of `context`, which this registers."""
        row = self.row(given["type"])
        account = self.account_given(given)
        fields = dict(given.get("fields") or {})
        parent = given.get("parent") or (fields.get(row.parent, "") if row.parent else "")
        if row.parent and parent:
            fields[row.parent] = parent
        with account.change():
            entity, occurrences = CREATION.get(row.name, _bear)(account, row, fields, parent)
        self.tell(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def update(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            change = UPDATE.get(entity.row.name, lifecycle.update)
            occurrences = change(account, entity, given.get("fields") or {}, forced=bool(given.get("silent")))
        self.tell(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def transition(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            if given["to"] == "billed" and entity.row is cadences.CADENCE:
                occurrences = cadences.bill(account, entity)
            else:
                fields = lifecycle.status_change(entity.row, given["to"])
                occurrences = lifecycle.update(account, entity, fields, forced=bool(given.get("silent")))
        self.tell(account, occurrences, given, requested=False)
        return self.shown(account, entity)

    def remove(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            occurrences = REMOVAL.get(entity.row.name, lifecycle.remove)(account, entity)
        self.tell(account, occurrences, given, requested=True)
        return {"id": entity.id, "object": entity.row.name}

    def use(self, given: Body) -> Body:
        """Usage as a meter event reports it; no event tells of it."""
        account, _ = self.find(given | {"id": given["meter"]})
        account.usage.append(usage.used(given))
        return {"meter": given["meter"]}

    def report_meter_error(self, given: Body) -> Body:
        meter = given.get("meter")
        account, entity = self.find(given | {"id": meter}) if meter else (self.account_given(given), None)
        occurrence = usage.error_report(entity.now.body if entity else None, given.get("data"))
        return {"event_id": self.tell(account, [occurrence], given, requested=False)[0]}

    def shown(self, account: Account, entity: Entity, asked: Asked | None = None) -> Body:
        """The object as GET answers it now."""
        if entity.row is SUMMARY:
            return customers.whole_list(account, entity.now.parent)
        view, row = account.view(), entity.row
        body = retrieve(view, row, entity.id, entity.now.parent, self.faults.settings)
        return show(view, row, body, asked or Asked(sublist_size=self.faults.settings["sublist_size"]))

    def truth(self, object_type: str | None) -> list[Body]:
        """Every object with what GET answers now, removed ones with what is left of them."""
        return [
            self._truth_of(account, entity)
            for account in self.accounts.values()
            for entity in account.entities.values()
            if object_type in (None, entity.row.name)
        ]

    def _truth_of(self, account: Account, entity: Entity) -> Body:
        body: Body | None
        try:
            body = self.shown(account, entity, everything(entity.row))
        except ApiError:
            body = None
        return {
            "id": entity.id,
            "type": entity.row.name,
            "context": account.context or None,
            "livemode": account.livemode,
            "path": named_url(entity.row, entity.now.body, entity.now.parent, self.faults.settings),
            "removed": entity.now.removed,
            "body": body,
        }

    def publish(self, event: Event, *, context: str, fetchable: bool) -> None:
        """Send an event that no change caused."""
        if fetchable:
            account = self.account(context, livemode=bool(event.notification.get("livemode")))
            account.events[event.id] = event
        self.deliveries.send_without_faults(event)

    def redeliver(self, event_id: str) -> None:
        for account in self.accounts.values():
            if event_id in account.events:
                self.deliveries.send_without_faults(account.events[event_id])
                return
        raise ApiError(404, f"No such event: '{event_id}'", code="not_found")

    @property
    def _default_mode(self) -> bool:
        return next(iter(self.keys.values()), False)

    def row(self, name: str) -> ObjectType:
        try:
            return OBJECT_TYPES[name]
        except KeyError:
            raise ApiError(400, f"Unknown type: {name}", code="invalid_parameter") from None

    def account_given(self, given: Body) -> Account:
        """The account of `context` and `livemode`, which this registers."""
        context, livemode = given.get("context") or "", given.get("livemode")
        self.register(context)
        return self.account(context, livemode=self._default_mode if livemode is None else livemode)

    def find(self, given: Body) -> tuple[Account, Entity]:
        """The object with the `id`, in the account of `context` when that is given."""
        for account in self.accounts.values():
            entity = account.entities.get(given["id"])
            is_asked = given.get("context") in (None, account.context)
            is_asked = is_asked and given.get("livemode") in (None, account.livemode)
            if is_asked and entity is not None and not entity.now.removed:
                return account, entity
        raise ApiError(404, f"No such object: '{given['id']}'", code="not_found")

    def tell(self, account: Account, occurrences: list[Occurrence], given: Body, *, requested: bool) -> list[str]:
        """Make and send the events; a `silent` change is one for which Stripe lost them."""
        told: list[str] = []
        for occurrence in () if given.get("silent") else occurrences:
            event = event_of(
                occurrence,
                context=account.context,
                livemode=account.livemode,
                requested=requested,
                settings=self.faults.settings,
            )
            account.events[event.id] = event
            self.deliveries.send(event)
            told.append(event.id)
        return told


def _bear(account: Account, row: ObjectType, fields: Body, parent: str) -> Made:
    return lifecycle.bear(account, row, fields, parent=parent)
