"""The simulated Stripe: objects change, answers are late or stale, lists lag behind."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import KeyReplaced, NotFound, PermanentError, TransientError, Unauthorized
from billing_mirror.core.json_body import JsonObject
from billing_mirror.ports import StripeRequest, StripeResponse

from .addresses import address
from .container import IO
from .faults import Consequence, Dice, Fault
from .list_pages import ListRequest, matches, seconds

SLOW = (15.0, 45.0, 60.0)
"""Seconds that a slow answer takes at the most, as often one as the other."""
MAX_LAG = 20.0
"""Seconds for which a new object may not be shown, or an old state may be."""
SHOWN_LINES = 10
LINES_ON_A_PAGE = 5
OWN_ACCOUNT = "/v1/account"
UNSTORABLE = "unstorable"
"""The member of a body that the table refuses to hold, as it does with one that is too large."""
EVENTS = "/v2/core/events"
EVENTS_KEPT = 30 * 86400.0
ON_REQUEST = {"v2.billing.cadence": ("invoice_discount_rules", "settings_data")}
"""The members that are null unless a request includes them, by type."""
ENDED = {"status": "canceled", "servicing_status": "canceled"}
"""What subscriptions are not listed with, unless a filter asks for a status."""

BUSY = {
    Fault.STRIPE_THROTTLED: 429,
    Fault.ENDPOINT_THROTTLED: 429,
    Fault.STRIPE_LOCKED: 409,
    Fault.STRIPE_BROKEN: 500,
    Fault.PROXY_ANSWERS: 503,
    Fault.STRIPE_TIMEOUT: None,
    Fault.STRIPE_TRUNCATED: 200,
    Fault.STRIPE_GARBLED: 200,
}
"""Temporary failures with the status of their answer; None where there is no answer."""
LOADED = "/rate_card"
"""What is in the paths of the endpoint that may have reached a limit of its own."""


@dataclass
class StripeObject:
    """An object at Stripe: all its states, with the times since when they were."""

    path: str
    context: str | None
    list_path: str
    states: list[tuple[float, JsonObject | None]] = field(default_factory=list)

    def state_at(self, now: float) -> JsonObject | None:
        return next((body for since, body in reversed(self.states) if since <= now), None)

    @property
    def now(self) -> JsonObject | None:
        return self.states[-1][1]

    @property
    def created_at(self) -> float:
        """When the object was created, or created again after a deletion."""
        made, deleted = self.states[0][0], False
        for since, body in self.states:
            made = since if deleted and body is not None else made
            deleted = body is None
        return made


class StripeState:
    """What is true at Stripe.

    ``objects`` are by context and path, ``events``, which can be fetched, by context and id, and ``rates`` are the
    ids of the rates of each rate card version. ``request_times`` are the times of all requests, in order.
    """

    def __init__(self, account: str = "acct_own") -> None:
        self.account = account
        self.key = f"a key of {account}"
        """The digest of the key that the secret holds."""
        self.other_account: StripeState | None = None
        """The account that answers while the secret holds one of its keys."""
        self.unlisted: set[str] = set()
        """The paths of lists that are empty by mistake."""
        self.hidden: set[str] = set()
        """The paths of lists whose objects are not found either."""
        self.objects: dict[tuple[str | None, str], StripeObject] = {}
        self.events: dict[tuple[str | None, str], JsonObject] = {}
        self.rates: dict[tuple[str | None, str], list[str]] = {}
        self.rates_before: dict[tuple[str | None, str], list[str]] = {}
        """What a stale list shows of a version: the rates of the previous version, from which it was copied."""
        self.out_until = 0.0
        """When the outage ends."""
        self.request_times: list[float] = []
        self.page_size = 2
        """Maximum objects on a page, whatever the limit of the request."""

    def listed(self, path: str, context: str | None, at: float) -> list[JsonObject]:
        """What a list would show at a time, were it one page: newest first."""
        found = [
            (seconds(body["created"]) if "created" in body else obj.created_at, obj.created_at, body)
            for obj in self.objects.values()
            if obj.list_path == path and obj.context == context and (body := obj.state_at(at)) is not None
        ]
        return [body for *_, body in sorted(found, key=lambda one: one[:2], reverse=True)]

    def events_at(self, context: str | None, at: float) -> list[JsonObject]:
        """The events that are still kept, newest first."""
        found = [body for (of, _), body in reversed(self.events.items()) if of == context]
        return [body for body in found if at - EVENTS_KEPT <= seconds(body["created"]) <= at]


class SimulatedStripe:
    """Implements ``ports.Stripe`` for one worker. An answer takes up to ``pause`` seconds each way."""

    livemode = False
    has_own_account = True

    def __init__(self, state: StripeState, dice: Dice, now: Callable[[], float], io: IO, *, pause: float = 1.0) -> None:
        self._state = state
        self._dice = dice
        self._now = now
        self._io = io
        self._pause = pause

    def version(self, api: ApiChannel) -> str:
        return f"2026-01-01.{api}"

    async def key_digest(self) -> str:
        return self._state.key

    async def get(self, request: StripeRequest) -> StripeResponse:
        path = request.path
        self._state.request_times.append(self._now())
        await self._io(f"GET {path}", self._wait(Fault.STRIPE_SLOW, 0.0))
        account = self._named_by_key(request)
        self._fail(path)
        try:
            text = json_body.write(account._answer(ListRequest.parse(path), request.context, request.include))
        except NotFound:
            self._dice.counts[Consequence.NOT_FOUND] += 1
            await self._io(f"got {path} (nothing)", self._wait(Fault.ANSWER_SLOW, self._pause))
            raise
        await self._io(f"got {path}", self._wait(Fault.ANSWER_SLOW, self._pause))
        return StripeResponse(json_body.parse(text), text, self.version(request.api), "req_1")

    def _named_by_key(self, request: StripeRequest) -> "SimulatedStripe":
        """The account of the key that the secret holds now."""
        if request.key_digest not in (None, self._state.key):
            raise KeyReplaced("the key was replaced")
        other = self._state.other_account
        if other is None or self._state.key != other.key:
            return self
        return SimulatedStripe(other, self._dice, self._now, self._io)

    def _wait(self, slow: Fault, usual: float) -> float:
        if self._dice.strikes(slow):
            return self._dice.delay(self._dice.random.choice(SLOW))
        return self._dice.seconds(usual) if usual else 0.0

    def _fail(self, path: str) -> None:
        """Raises what the adapter raises for unusable and for missing answers."""
        if self._now() < self._state.out_until:
            raise TransientError("Stripe cannot be reached")
        for fault, status in BUSY.items():
            if (fault is not Fault.ENDPOINT_THROTTLED or LOADED in path) and self._dice.strikes(fault):
                raise TransientError(f"Stripe: {fault}", throttled=status == 429)
        if self._dice.strikes(Fault.KEY_REVOKED):
            raise Unauthorized("Stripe answered 401")

    def _answer(self, request: ListRequest, context: str | None, include: Sequence[str]) -> JsonObject:
        if request.path == OWN_ACCOUNT:
            return {"id": self._state.account, "object": "account"}
        if request.path == EVENTS:
            return self._events(request, context)
        if request.path.startswith(f"{EVENTS}/"):
            return self._event(request.path, context)
        found = address(request.path)
        if found is None:
            raise PermanentError("Stripe answered 404") if request.is_v1 else NotFound(f"nothing at {request.path}")
        if found.is_list:
            return self._list(request, context, found.owner)
        obj = self._state.objects.get((context, request.path))
        body = self._body(obj) if obj is not None and obj.list_path not in self._state.hidden else None
        if body is None:
            raise NotFound(f"nothing at {request.path}")
        return _as_shown(body, include)

    # ---- objects and events

    def _body(self, obj: StripeObject) -> JsonObject | None:
        """The body as the answering replica shows it; None where the replica lacks the object."""
        now = self._now()
        # Only before the first deletion: a GET must show a re-created object when a deletion event is late.
        is_first_life = all(body is not None for _, body in obj.states)
        is_new = is_first_life and now - obj.states[0][0] < MAX_LAG
        if is_new and self._dice.strikes(Fault.STRIPE_BEHIND):
            return None
        if len(obj.states) > 1 and self._dice.strikes(Fault.STALE_READ):
            return obj.state_at(max(obj.states[0][0], now - MAX_LAG))
        return obj.state_at(now)

    def _event(self, path: str, context: str | None) -> JsonObject:
        event = self._state.events.get((context, path.rpartition("/")[2]))
        if event is None or seconds(event["created"]) < self._now() - EVENTS_KEPT:
            raise NotFound(f"nothing at {path}")
        return event

    def _events(self, request: ListRequest, context: str | None) -> JsonObject:
        """https://docs.stripe.com/api/v2/core/events/list"""
        types, wanted = request.list_values("types"), request.query.get("object_id")
        bounds = {name: text for name, text in request.query.items() if name.startswith("created[")}
        found = [
            event
            for event in self._state.events_at(context, self._listed_at())
            if (not types or event["type"] in types)
            and (wanted is None or json_body.text_at(event, "related_object.id") == wanted)
            and all(matches(event, *bound) for bound in bounds.items())
        ]
        # A connected account's own list need not say whose it is: https://docs.stripe.com/context
        own = [{**event, "context": None} if event.get("context") == context else event for event in found]
        return request.page(own, self._state.page_size)

    # ---- lists

    def _listed_at(self) -> float:
        return self._now() - (self._dice.delay(MAX_LAG) if self._dice.strikes(Fault.STALE_LIST) else 0.0)

    def _list(self, request: ListRequest, context: str | None, owner: str | None) -> JsonObject:
        if request.is_later_page and self._dice.strikes(Fault.PAGE_REFUSED):
            raise PermanentError("Stripe answered 400")
        at = self._listed_at()
        owning = self._require(owner, context, at) if owner is not None else None
        if owning is not None and request.path.endswith("/lines"):
            return request.page(_lines(owning.state_at(at)), LINES_ON_A_PAGE)
        filters = request.filters
        found = self._state.listed(request.path, context, at) if request.path not in self._state.unlisted else []
        if owner is not None and "rate_card_version" in filters:
            version = filters.pop("rate_card_version")
            is_behind = self._require(f"{owner}/versions/{version}", context, self._now()).state_at(at) is None
            members = (self._state.rates_before if is_behind else self._state.rates).get((context, version), ())
            found = [body for body in found if body["id"] in members or body.get("rate_card_version") == version]
        self._dice.counts[Consequence.LISTED_IN_PARTS] += any(name.startswith("created[") for name in filters)
        shown = [body for body in found if _is_listed(body, filters)]
        return request.page([_as_shown(body, request.on_request) for body in shown], self._state.page_size)

    def _require(self, path: str, context: str | None, at: float) -> StripeObject:
        """What a list belongs to: without it there is no such list."""
        obj = self._state.objects.get((context, path))
        if obj is None or obj.state_at(at) is None:
            raise NotFound(f"nothing at {path}")
        return obj


def _is_listed(body: JsonObject, filters: Mapping[str, str]) -> bool:
    if any(body.get(name) == status and name not in filters for name, status in ENDED.items()):
        return False
    return all(matches(body, *one) for one in filters.items())


def _as_shown(body: JsonObject, on_request: Collection[str]) -> JsonObject:
    """A body without members that were not requested, and with the first lines only."""
    omitted = [name for name in ON_REQUEST.get(str(body["object"]), ()) if name in body and name not in on_request]
    shown = {**body, **dict.fromkeys(omitted)} if omitted else body
    lines = _lines(shown)
    if len(lines) <= SHOWN_LINES:
        return shown
    return json_body.with_value(shown, "lines", {"object": "list", "data": [*lines[:SHOWN_LINES]], "has_more": True})


def as_listed(body: JsonObject) -> JsonObject:
    """A body as a list shows it, with every member that can be requested."""
    return _as_shown(body, ON_REQUEST.get(str(body["object"]), ()))


def _lines(body: JsonObject | None) -> list[JsonObject]:
    lines = json_body.value_at(body, "lines.data")
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
