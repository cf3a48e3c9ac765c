"""A handwritten request and its expected result."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .harness import CANARY, Event, request, signed
from .oracle import Expected

BODY = json.dumps(
    {
        "object": "v2.core.event",
        "id": "evt_1",
        "type": "v2.billing.rate_card_subscription.servicing_activated",
        "created": "2023-11-14T22:13:20.000Z",
        "livemode": False,
        "related_object": {
            "id": "rcds_1",
            "type": "v2.billing.rate_card_subscription",
            "url": "/v2/billing/rate_card_subscriptions/rcds_1",
        },
        "note": f"{CANARY} Ann <ann.{CANARY}@example.com>",
    }
)
"""An event as Stripe writes it; whatever is signed and not readable has the canary in it too."""
SNAPSHOT = json.dumps(
    {
        "object": "event",
        "id": "evt_1",
        "type": "customer.updated",
        "created": 1_700_000_000,
        "livemode": False,
        "data": {"object": {"id": "cus_1", "object": "customer", "name": CANARY, "email": f"{CANARY}@example.com"}},
    }
)


@dataclass(frozen=True)
class Case:
    """``dead``: it may be queued, and must not lead to a fetch."""

    name: str
    event: Event
    expected: Expected
    never_fetched: bool = False


Cases = Iterator[Case]
CLASSES: dict[str, Callable[[], Cases]] = {}


def case_class(cases: Callable[[], Cases]) -> Callable[[], Cases]:
    """Registers a function as a class of malicious requests, by its name."""
    assert cases.__name__ not in CLASSES
    CLASSES[cases.__name__] = cases
    return cases


def refused(name: str, header: object, body: object = BODY, **fields: Any) -> Case:  # noqa: ANN401 - any JSON
    return Case(name, request(body, header, **fields), Expected.REFUSED)


def quarantined(name: str, body: str | bytes, **fields: Any) -> Case:  # noqa: ANN401 - any JSON
    """Signed, and not an event."""
    return _signed(name, body, Expected.QUARANTINED, fields)


def queued(name: str, body: str | bytes, **fields: Any) -> Case:  # noqa: ANN401 - any JSON
    """Odd, and still an event that Stripe signed."""
    return _signed(name, body, Expected.QUEUED, fields)


def never_fetched(name: str, body: str) -> Case:
    """An event that Stripe signed, about an object that must never be fetched."""
    return Case(name, request(body, signed(body)), Expected.QUEUED, never_fetched=True)


def _signed(name: str, body: str | bytes, expected: Expected, fields: Event) -> Case:
    text = body if isinstance(body, str) else body.decode("latin-1")
    return Case(name, request(text, signed(body), **fields), expected)


def thin(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    """The event, with other members."""
    return json.dumps(json.loads(BODY) | fields)


def related(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    """The event, about another object."""
    return thin(related_object=json.loads(BODY)["related_object"] | fields)


def snapshot(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(SNAPSHOT) | fields)


def showing(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    """The snapshot, of an object with other members."""
    return snapshot(data={"object": json.loads(SNAPSHOT)["data"]["object"] | fields})


def without(text: str, name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(text).items() if key != name})


def ending(text: str) -> str:
    """The event, with JSON text as its last members."""
    return f"{BODY[:-1]}, {text}}}"
