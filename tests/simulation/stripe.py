"""Stripe, as a schedule sees it: objects that change, answers that are late or old, lists that are behind."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from billing_mirror.core import body as bodies
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Gone, Retryable, Unauthorized
from billing_mirror.flows.ports import Answer

from .container import IO
from .faults import Dice, Fault

MOST_BEHIND = 20.0
"""Seconds for which a new object may not be shown, or an old state may be."""
SHOWN_LINES = 10


@dataclass
class Thing:
    """An object at Stripe: all its states, with the times since when they were."""

    path: str
    context: str | None
    list_path: str
    states: list[tuple[float, JsonObject | None]] = field(default_factory=list)

    def at(self, now: float) -> JsonObject | None:
        return next((body for since, body in reversed(self.states) if since <= now), None)

    @property
    def now(self) -> JsonObject | None:
        return self.states[-1][1]


class StripeState:
    """What is true at Stripe.

    ``things`` are by context and path, ``events``, which can be fetched, by context and id, and ``rates`` are the
    ids of the rates of each rate card version.
    """

    def __init__(self) -> None:
        self.things: dict[tuple[str | None, str], Thing] = {}
        self.events: dict[tuple[str | None, str], JsonObject] = {}
        self.rates: dict[tuple[str | None, str], list[str]] = {}


class SimulatedStripe:
    """Implements ``flows.ports.Stripe`` for one worker."""

    livemode = False

    def __init__(self, state: StripeState, dice: Dice, now: Callable[[], float], io: IO) -> None:
        self._state = state
        self._dice = dice
        self._now = now
        self._io = io

    def version(self, api: ApiLine) -> str:
        return f"2026-01-01.{api}"

    async def get(
        self,
        path: str,
        *,
        api: ApiLine,
        context: str | None,
        include: Sequence[str] = (),  # noqa: ARG002 - part of the port
        event: str | None = None,  # noqa: ARG002 - part of the port
    ) -> Answer:
        await self._io(f"GET {path}")
        await self._wait()
        self._fail()
        text = bodies.write(self._answer(path, context))
        await self._wait()
        await self._io(f"got {path}")
        return Answer(bodies.read(text), text, self.version(api), "req_1")

    async def _wait(self) -> None:
        most = 60.0 if self._dice.strikes(Fault.STRIPE_SLOW) else 1.0
        await asyncio.sleep(self._dice.seconds(most))

    def _fail(self) -> None:
        if self._dice.strikes(Fault.STRIPE_THROTTLED):
            raise Retryable("Stripe answered 429", throttled=True)
        if self._dice.strikes(Fault.STRIPE_BUSY):
            raise Retryable("Stripe answered 500")
        if self._dice.strikes(Fault.KEY_REVOKED):
            raise Unauthorized("Stripe answered 401")

    def _answer(self, path: str, context: str | None) -> JsonObject:
        place = urlsplit(path)
        event = self._state.events.get((context, place.path.rpartition("/")[2]))
        if event is not None:
            return event
        thing = self._state.things.get((context, place.path))
        if thing is not None:
            body = thing.at(self._seen_at(thing))
            if body is None:
                raise Gone(f"nothing at {path}")
            return _cut(body)
        return self._listed(place.path, dict(parse_qsl(place.query)), context)

    def _seen_at(self, thing: Thing) -> float:
        now = self._now()
        since = thing.states[0][0]
        if now - since < MOST_BEHIND and self._dice.strikes(Fault.STRIPE_BEHIND):
            return since - 1.0
        if len(thing.states) > 1 and self._dice.strikes(Fault.STALE_READ):
            return max(since, now - MOST_BEHIND)
        return now

    def _listed(self, path: str, query: dict[str, str], context: str | None) -> JsonObject:
        at = self._now() - (MOST_BEHIND if self._dice.strikes(Fault.STALE_LIST) else 0.0)
        lines = self._state.things.get((context, path.removesuffix("/lines")))
        if lines is not None and path.endswith("/lines"):
            body = lines.at(self._now())
            inner = bodies.at(body, "lines.data")
            return {"object": "list", "data": inner if isinstance(inner, list) else [], "has_more": False}
        found = [
            _cut(body)
            for thing in self._state.things.values()
            if (thing.context, thing.list_path) == (context, path) and (body := thing.at(at)) is not None
        ]
        version = query.get("rate_card_version")
        members = self._state.rates.get((context, version)) if version else None
        shown = [body for body in found if members is None or body["id"] in members]
        if path.startswith("/v1/"):
            return {"object": "list", "data": [*shown], "has_more": False}
        return {"data": [*shown], "next_page_url": None, "previous_page_url": None}


def _cut(body: JsonObject) -> JsonObject:
    """A body as Stripe shows it: with the first lines only."""
    lines = bodies.at(body, "lines.data")
    if not isinstance(lines, list) or len(lines) <= SHOWN_LINES:
        return body
    return bodies.with_value(body, "lines", {"object": "list", "data": lines[:SHOWN_LINES], "has_more": True})
