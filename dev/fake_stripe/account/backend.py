"""What does one running stand-in hold, and how do control calls change its objects?"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from dev.fake_stripe.api.faults import Faults, RateLimiter
from dev.fake_stripe.api.protocol import ApiError
from dev.fake_stripe.api.reads import retrieve, show
from dev.fake_stripe.api.rendering import Expansion, full_expansion
from dev.fake_stripe.events.delivery import Deliveries
from dev.fake_stripe.events.event import Event, Occurrence, event_of, named_url
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import SUMMARY

from . import cadences, customers, lifecycle, usage, versions
from .lifecycle import Created
from .state import Account, Entity

Create = Callable[[Account, ObjectType, Body, str], Created]
"""Takes the fields, and the parent's id or an empty text."""

CREATION: Mapping[str, Create] = {
    **dict.fromkeys(versions.BY_OWNER, versions.create_owner),
    **dict.fromkeys(versions.BY_VERSION, versions.create_next_version),
    **dict.fromkeys(versions.BY_MEMBER, versions.add_member),
    "v2.billing.rate_card_subscription": versions.subscribe,
    "v2.billing.pricing_plan_subscription": versions.subscribe,
    "v2.billing.cadence": cadences.create_cadence,
    "tax_id": customers.create_tax_id,
    "cash_balance": customers.create_singleton,
    "tax.settings": customers.create_singleton,
    "entitlements.active_entitlement": customers.grant_entitlement,
}
"""Types whose creation also creates other objects, or copies values from them."""

UPDATE: Mapping[str, Callable[..., list[Occurrence]]] = {
    **dict.fromkeys(versions.BY_OWNER, versions.update_owner),
    "customer": customers.update_customer,
}
"""Types whose update also changes other objects, or has events of its own."""

REMOVAL: Mapping[str, Callable[[Account, Entity], list[Occurrence]]] = {
    **dict.fromkeys(versions.BY_MEMBER, versions.remove_member),
    "entitlements.active_entitlement": customers.end_entitlement,
}

LIVE_KEYS = ("sk_live_", "rk_live_", "sk_org_live_")
ORGANIZATION_KEYS = "sk_org_"
"""https://docs.stripe.com/keys/organization-api-keys"""
OWN_ACCOUNT = "acct_standin"
"""The id of the account that keys share."""


class Backend:
    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = {key: key.startswith(LIVE_KEYS) for key in keys}
        self.owners: dict[str, str] = {}
        """The own account of a key, where it is not the account that the other keys share."""
        self.read_only: set[str] = set()
        """Keys that may change nothing."""
        self.lock = threading.RLock()
        self.accounts: dict[tuple[str, bool], Account] = {}
        self.faults = Faults()
        self.deliveries = Deliveries(self.faults)
        self.limiter = RateLimiter()
        self.requests: Counter[tuple[str, int]] = Counter()
        """API calls by operation and status."""
        self.register("")

    def register(self, context: str) -> None:
        for livemode in (False, True):
            self.accounts.setdefault((context, livemode), Account(context, livemode))

    def add_key(self, given: Body) -> Body:
        """Accept another key: of the shared account, or of an account of its own, with other objects."""
        key, account = given["key"], given.get("account") or ""
        self.keys[key] = key.startswith(LIVE_KEYS)
        self.owners[key] = account
        if given.get("read_only"):
            self.read_only.add(key)
        self.register(account)
        return {"account": account or OWN_ACCOUNT}

    def account(self, context: str, *, livemode: bool) -> Account:
        try:
            return self.accounts[context, livemode]
        except KeyError:
            message = f"The provided key does not have access to account '{context}'."
            raise ApiError(403, message, code="account_invalid") from None

    def create(self, given: Body) -> Body:
        """Add an object to the account of `context`; an unknown account is registered first."""
        object_type = self.object_type(given["type"])
        account = self.account_given(given)
        fields = dict(given.get("fields") or {})
        parent = given.get("parent") or (fields.get(object_type.parent, "") if object_type.parent else "")
        if object_type.parent and parent:
            fields[object_type.parent] = parent
        with account.change():
            entity, occurrences = CREATION.get(object_type.name, _create_plain)(account, object_type, fields, parent)
        self.send_events(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def update(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            change = UPDATE.get(entity.object_type.name, lifecycle.update)
            occurrences = change(account, entity, given.get("fields") or {}, forced=bool(given.get("without_event")))
        self.send_events(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def transition(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            if given["to"] == "billed" and entity.object_type is cadences.CADENCE:
                occurrences = cadences.bill(account, entity)
            else:
                fields = lifecycle.status_change(entity.object_type, given["to"])
                occurrences = lifecycle.update(account, entity, fields, forced=bool(given.get("without_event")))
        self.send_events(account, occurrences, given, requested=False)
        return self.shown(account, entity)

    def remove(self, given: Body) -> Body:
        account, entity = self.find(given)
        with account.change():
            occurrences = REMOVAL.get(entity.object_type.name, lifecycle.remove)(account, entity)
        self.send_events(account, occurrences, given, requested=True)
        return {"id": entity.id, "object": entity.object_type.name}

    def record_usage(self, given: Body) -> Body:
        """Usage as a meter event reports it; it causes no event."""
        account, _ = self.find(given | {"id": given["meter"]})
        account.usage.append(usage.usage_from(given))
        return {"meter": given["meter"]}

    def report_meter_error(self, given: Body) -> Body:
        meter = given.get("meter")
        account, entity = self.find(given | {"id": meter}) if meter else (self.account_given(given), None)
        occurrence = usage.error_report(entity.now.body if entity else None, given.get("data"))
        return {"event_id": self.send_events(account, [occurrence], given, requested=False)[0]}

    def shown(self, account: Account, entity: Entity, expansion: Expansion | None = None) -> Body:
        """The object as GET answers it now."""
        if entity.object_type is SUMMARY:
            return customers.whole_list(account, entity.now.parent)
        view, object_type = account.view(), entity.object_type
        body = retrieve(view, object_type, entity.id, entity.now.parent, self.faults.settings)
        return show(view, object_type, body, expansion or Expansion(sublist_size=self.faults.settings["sublist_size"]))

    def truth(self, type_name: str | None) -> list[Body]:
        """Every object with GET's present answer, removed objects too."""
        return [
            self._truth_of(account, entity)
            for account in self.accounts.values()
            for entity in account.entities.values()
            if type_name in (None, entity.object_type.name)
        ]

    def _truth_of(self, account: Account, entity: Entity) -> Body:
        body: Body | None
        try:
            body = self.shown(account, entity, full_expansion(entity.object_type))
        except ApiError:
            body = None
        return {
            "id": entity.id,
            "type": entity.object_type.name,
            "context": account.context or None,
            "livemode": account.livemode,
            "path": named_url(entity.object_type, entity.now.body, entity.now.parent, self.faults.settings),
            "removed": entity.now.removed,
            "body": body,
        }

    def publish(self, event: Event, *, context: str, fetchable: bool) -> None:
        """Send an event that no change has caused."""
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

    def object_type(self, name: str) -> ObjectType:
        try:
            return OBJECT_TYPES[name]
        except KeyError:
            raise ApiError(400, f"Unknown type: {name}", code="invalid_parameter") from None

    def account_given(self, given: Body) -> Account:
        """The account of `context` and `livemode`; an unknown account is registered first."""
        context, livemode = given.get("context") or "", given.get("livemode")
        self.register(context)
        return self.account(context, livemode=self._default_mode if livemode is None else livemode)

    def find(self, given: Body) -> tuple[Account, Entity]:
        """The object with the `id`, in the account of `context` if given."""
        for account in self.accounts.values():
            entity = account.entities.get(given["id"])
            matches = given.get("context") in (None, account.context)
            matches = matches and given.get("livemode") in (None, account.livemode)
            if matches and entity is not None and not entity.now.removed:
                return account, entity
        raise ApiError(404, f"No such object: '{given['id']}'", code="not_found")

    def send_events(
        self, account: Account, occurrences: list[Occurrence], given: Body, *, requested: bool
    ) -> list[str]:
        """Create and send the events, and return their ids. A change `without_event` has none."""
        event_ids: list[str] = []
        for occurrence in () if given.get("without_event") else occurrences:
            event = event_of(
                occurrence,
                context=account.context,
                livemode=account.livemode,
                requested=requested,
                settings=self.faults.settings,
            )
            account.events[event.id] = event
            self.deliveries.send(event)
            event_ids.append(event.id)
        return event_ids


def _create_plain(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    return lifecycle.create_object(account, object_type, fields, parent=parent)
