"""Stripe's webhooks: an event is sent until ingest answers 200, or is lost."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import stripe

from billing_mirror.core.events.signature import is_signed
from billing_mirror.core.json_body import JsonObject
from billing_mirror.ingest.accept import IngestDependencies, accept

from .environment import Environment
from .faults import Consequence, Fault
from .stripe import StripeObject

DAY = 86400.0
AHEAD = 30 * DAY
"""Seconds by which a test clock may be ahead."""
V1 = "v1."
SECRETS = ("whsec_old", "whsec_new")
MAX_TRIES = 60


class Secrets:
    """Implements ``ports.SigningSecrets``: the cached secrets may be older than those Stripe signs with."""

    def __init__(self) -> None:
        self.known: Sequence[str] = SECRETS[:1]
        self.stored: Sequence[str] = SECRETS[:1]

    async def current(self) -> Sequence[str]:
        return self.known

    async def refreshed(self) -> Sequence[str]:
        self.known = self.stored
        return self.known


class Webhooks:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._dice = environment.dice
        self._secrets = Secrets()
        self._events = 0
        self._posts: set[asyncio.Task[None]] = set()

    def announce(self, event_type: str, obj: StripeObject) -> None:
        """Sends the event of a change."""
        self._events += 1
        event = self._event(f"evt_{self._events}", event_type, obj)
        self._environment.say(f"{event_type} of {obj.path} in {obj.context}: {event['id']}")
        if self._dice.strikes(Fault.EVENT_NEVER_MADE):
            return
        lost = self._dice.strikes(Fault.EVENT_LOST)
        if not lost and self._dice.strikes(Fault.DATED_AHEAD):
            event["created"] = _iso(self._environment.clock.now() + AHEAD)
        self._environment.state.events[obj.context, str(event["id"])] = {**event, "data": _data(obj)}
        if lost:
            return
        if "snapshot_event" in event and self._dice.strikes(Fault.SNAPSHOT_SENT):
            event = _snapshot(event, obj)
        copies = [event] * (2 if self._dice.strikes(Fault.EVENT_TWICE) else 1)
        if self._dice.strikes(Fault.OTHER_MODE):
            copies.append({**event, "id": f"{event['id']}_live", "livemode": True})
        for copy in copies:
            post = asyncio.ensure_future(self._post(str(copy["id"]), json.dumps(copy)))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)

    def rotate(self) -> None:
        """The signing secrets, perhaps: for a while Stripe signs with both, then the old one has expired."""
        if self._dice.strikes(Fault.SECRETS_ROTATED):
            self._secrets.stored = self._dice.random.choice((SECRETS, SECRETS[1:]))

    async def all_sent(self) -> None:
        while self._posts:
            await asyncio.gather(*self._posts)

    def _event(self, identifier: str, event_type: str, obj: StripeObject) -> JsonObject:
        body = _last_body(obj)
        path = obj.path
        if "rate_cards/rcd_1/" in path and self._dice.random.random() < 0.5:
            path = path.replace("/rcd_1/", "/:rate_card_id/")
        return {
            "object": "v2.core.event",
            "id": identifier,
            "type": event_type,
            "created": _iso(self._environment.clock.now()),
            "livemode": False,
            "context": obj.context,
            "related_object": {"id": body["id"], "type": body["object"], "url": path},
            **({"snapshot_event": f"{identifier}_snapshot"} if event_type.startswith(V1) else {}),
        }

    async def _post(self, event_id: str, text: str) -> None:
        late = self._dice.strikes(Fault.EVENT_LATE)
        usual = 0.3 if self._dice.dated_coarsely else 3.0
        await asyncio.sleep(self._dice.seconds(min(3 * DAY, self._dice.longest) if late else usual))
        for attempt in range(MAX_TRIES):
            if await self._answer(text) == 200:
                self._environment.accepted.add(event_id)
                if not self._dice.strikes(Fault.ANSWER_LOST):
                    return
            self._dice.counts[Consequence.SENT_AGAIN] += 1
            await asyncio.sleep(min(2.0**attempt, 3600.0))
        raise AssertionError("Stripe gave up on an event")

    async def _answer(self, text: str) -> int | None:
        """The status that ingest answers; None when it is killed."""
        container = self._environment.container("ingest")
        dependencies = IngestDependencies(
            self._environment.clock, self._environment.queue_of(container), self._secrets, is_signed
        )
        secret = self._dice.random.choice(self._secrets.stored)
        header = stripe.WebhookSignature.generate_signature_header(text, secret, int(self._environment.clock.now()))
        answered: list[int] = []

        async def answer() -> None:
            answered.append((await accept(text.encode(), header, dependencies)).status)

        return answered[0] if await container.run(answer()) else None


def _iso(seconds: float) -> str:
    """Milliseconds, as Stripe writes them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _snapshot(event: JsonObject, obj: StripeObject) -> JsonObject:
    """The snapshot event of the same change: https://docs.stripe.com/api/events/object"""
    return {
        "object": "event",
        "id": event["snapshot_event"],
        "type": str(event["type"]).removeprefix(V1),
        "created": int(datetime.fromisoformat(str(event["created"])).timestamp()),
        "livemode": event["livemode"],
        **({"account": obj.context} if obj.context else {}),
        "data": {"object": _last_body(obj)},
    }


def _last_body(obj: StripeObject) -> JsonObject:
    return obj.now or obj.states[-2][1] or {}


def _data(obj: StripeObject) -> JsonObject:
    body = _last_body(obj)
    named = ("rate_card", "rate_card_id", *(("customer", "invoice") if body["object"] == "discount" else ()))
    return {name: body[name] for name in named if name in body}
