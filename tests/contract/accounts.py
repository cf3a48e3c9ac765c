"""Stripe accounts of every kind that the flows run on, and how a suite creates objects in them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import fill_template
from billing_mirror.ports import Stripe, StripeRequest, StripeResponse
from dev.fake_stripe.client import StandIn
from tests.doubles.stripe import MemoryStripe
from tests.simulation.container import IO
from tests.simulation.faults import Dice
from tests.simulation.stripe import SimulatedStripe, StripeObject, StripeState

KEY = "sk_test_standin"
PREVIEW = "2026-10-14.preview"
SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"
LISTS = {"v2.billing.rate_card": "/v2/billing/rate_cards", "customer": "/v1/customers"}
NAMES = {"v2.billing.rate_card": "display_name", "customer": "name"}


@dataclass(frozen=True)
class Account:
    """A Stripe under test, and how to put a customer, and some objects of a type, into it."""

    stripe: Stripe
    customer: Callable[[str], str]
    create_many: Callable[[str, int], list[str]]


class AccountWithEvents(Protocol):
    """An account whose objects change, with events."""

    @property
    def stripe(self) -> Stripe: ...

    def put(self, type_name: str, body: JsonObject, parent: str | None = None) -> None:
        """Creates an object without an event."""

    def remove(self, type_name: str, identifier: str) -> None: ...

    def announce(self, type_name: str, identifier: str, word: str) -> str:
        """The id of an event about an object."""


@dataclass
class Key:
    """Implements ``adapters.stripe_api.StripeKey``."""

    text: str = KEY
    stored: str = KEY

    def current(self) -> str:
        return self.text

    def refreshed(self) -> str:
        self.text = self.stored
        return self.text


@dataclass
class Adapter:
    """The adapter and what it is made of."""

    stand_in: StandIn
    key: Key
    metric_counts: MetricCounts

    def api(self) -> StripeApi:
        return StripeApi(
            self.key,
            api_base=self.stand_in.api_base,
            preview_version=PREVIEW,
            metric_counts=self.metric_counts,
        )

    async def get(self, path: str = SUBSCRIPTIONS, *, api: ApiChannel = ApiChannel.PREVIEW) -> StripeResponse:
        return await self.api().get(StripeRequest(path, api, context=None))

    def at(self, api_base: str) -> "Adapter":
        """The same, in front of another Stripe."""
        return replace(self, stand_in=StandIn(api_base))


class StandInAccount:
    """The adapter, in front of the stand-in."""

    def __init__(self, adapter: Adapter) -> None:
        self.stripe: Stripe = adapter.api()
        self._stand_in = adapter.stand_in

    def customer(self, name: str) -> str:
        return str(self._stand_in.create("customer", {"name": name})["id"])

    def create_many(self, type_name: str, count: int) -> list[str]:
        create = self._stand_in.create
        return [str(create(type_name, {NAMES[type_name]: f"Number {number}"})["id"]) for number in range(count)]

    def put(self, type_name: str, body: JsonObject, parent: str | None = None) -> None:
        self._stand_in.put(type_name, body, parent=parent)

    def remove(self, type_name: str, identifier: str) -> None:  # noqa: ARG002 - its ids are unique
        self._stand_in.remove(identifier, without_event=True)

    def announce(self, type_name: str, identifier: str, word: str) -> str:  # noqa: ARG002 - its ids are unique
        return self._stand_in.announce(identifier, word)


class SimulatedAccount:
    """The simulated Stripe, without faults."""

    def __init__(self, dice: Dice, io: IO) -> None:
        self._clock = SystemClock()
        self._state = StripeState()
        self._numbers = itertools.count(1)
        self.stripe: Stripe = SimulatedStripe(self._state, dice, self._clock.now, io, pause=0.0)

    def customer(self, name: str) -> str:
        self.put("customer", {"id": "cus_1", "object": "customer", "name": name})
        return "cus_1"

    def create_many(self, type_name: str, count: int) -> list[str]:
        made = [f"x_{number}" for number in range(count)]
        for identifier in made:
            self.put(type_name, {"id": identifier, "object": type_name})
        return made

    def put(self, type_name: str, body: JsonObject, parent: str | None = None) -> None:
        path = fill_template(TYPES[type_name].retrieve, id=str(body["id"]), parent=parent)
        self._state.objects[None, path] = StripeObject(path, None, path.rpartition("/")[0], [(self._clock.now(), body)])

    def remove(self, type_name: str, identifier: str) -> None:
        self._object(type_name, identifier).states.append((self._clock.now(), None))

    def announce(self, type_name: str, identifier: str, word: str) -> str:
        event = f"evt_{next(self._numbers)}"
        self._state.events[None, event] = {
            "id": event,
            "object": "v2.core.event",
            "type": f"{TYPES[type_name].resources[0]}.{word}",
            "created": times.iso(self._clock.now()),
            "livemode": False,
            "related_object": {
                "id": identifier,
                "type": type_name,
                "url": self._object(type_name, identifier).path,
            },
        }
        return event

    def _object(self, type_name: str, identifier: str) -> StripeObject:
        return self._state.objects[None, fill_template(TYPES[type_name].retrieve, id=identifier)]


def in_memory() -> Account:
    double = MemoryStripe()

    def customer(name: str) -> str:
        double.objects["/v1/customers/cus_1"] = {"id": "cus_1", "object": "customer", "name": name}
        return "cus_1"

    def create_many(type_name: str, count: int) -> list[str]:
        made: list[JsonObject] = [{"id": f"x_{n}", "object": type_name} for n in range(count)]
        double.lists[LISTS[type_name]] = made
        return [str(one["id"]) for one in made]

    return Account(double, customer, create_many)
