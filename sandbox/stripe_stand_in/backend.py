"""What belongs to one running stand-in: its accounts, settings, deliveries, and the changes made to them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from . import cadences, lifecycle, rate_cards
from .catalog import OBJECT_TYPES
from .delivery import Deliveries
from .events import Event, Occurrence, event_of, url_of
from .faults import Faults, RateLimiter
from .lifecycle import Made
from .object_types import Body
from .protocol import ApiError
from .reads import check_parent, retrieve, show
from .state import Account, Entity

CREATION: Mapping[str, Callable[[Account, Body], Made]] = {
    "v2.billing.rate_card": rate_cards.create_card,
    "v2.billing.rate_card_rate": rate_cards.add_rate,
    "v2.billing.rate_card_version": rate_cards.renew,
    "v2.billing.rate_card_subscription": rate_cards.subscribe,
    "v2.billing.cadence": cadences.create_cadence,
}
"""The types that are born with others, or with values taken from others."""

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
        row = OBJECT_TYPES.get(given["type"])
        if row is None:
            raise ApiError(400, f"Unknown type: {given['type']}", code="invalid_parameter")
        self.register(given.get("context") or "")
        account = self.account(given.get("context") or "", livemode=given.get("livemode", self._default_mode))
        fields = dict(given.get("fields") or {})
        if row.parent and given.get("parent"):
            fields[row.parent] = given["parent"]
        with account.change():
            make = CREATION.get(row.name)
            entity, occurrences = make(account, fields) if make else lifecycle.bear(account, row, fields)
        self._tell(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def update(self, given: Body) -> Body:
        account, entity = self._find(given["id"])
        with account.change():
            forced = bool(given.get("silent"))
            occurrences = lifecycle.update(account, entity, given.get("fields") or {}, forced=forced)
        self._tell(account, occurrences, given, requested=True)
        return self.shown(account, entity)

    def transition(self, given: Body) -> Body:
        account, entity = self._find(given["id"])
        with account.change():
            if given["to"] == "billed" and entity.row is cadences.CADENCE:
                occurrences = cadences.bill(account, entity)
            else:
                fields = lifecycle.status_change(entity.row, given["to"])
                occurrences = lifecycle.update(account, entity, fields, forced=bool(given.get("silent")))
        self._tell(account, occurrences, given, requested=False)
        return self.shown(account, entity)

    def remove(self, given: Body) -> Body:
        account, entity = self._find(given["id"])
        with account.change():
            make = rate_cards.remove_rate if entity.row is rate_cards.RATE else lifecycle.remove
            occurrences = make(account, entity)
        self._tell(account, occurrences, given, requested=True)
        return {"id": entity.id, "object": entity.row.name}

    def shown(self, account: Account, entity: Entity, include: tuple[str, ...] = ()) -> Body:
        """The object as GET answers it now."""
        view = account.view()
        check_parent(view, entity.row, entity.now.body.get(entity.row.parent, ""))
        return show(view, entity.row, retrieve(view, entity.row, entity.id, self.faults.settings), include)

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
            body = self.shown(account, entity, entity.row.gated)
        except ApiError:
            body = None
        return {
            "id": entity.id,
            "type": entity.row.name,
            "context": account.context or None,
            "livemode": account.livemode,
            "path": url_of(entity.row, entity.now.body),
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

    def _find(self, identifier: str) -> tuple[Account, Entity]:
        for account in self.accounts.values():
            entity = account.entities.get(identifier)
            if entity is not None and not entity.now.removed:
                return account, entity
        raise ApiError(404, f"No such object: '{identifier}'", code="not_found")

    def _tell(self, account: Account, occurrences: list[Occurrence], given: Body, *, requested: bool) -> None:
        """Make and send the events; a `silent` change is one for which Stripe lost them."""
        if given.get("silent"):
            return
        for occurrence in occurrences:
            event = event_of(occurrence, account.context, requested=requested)
            account.events[event.id] = event
            self.deliveries.send(event)
