"""Variants of valid requests, by number. All of them must be accepted."""

import base64
import json
from copy import deepcopy
from random import Random
from typing import Any

from .case import BODY, SNAPSHOT
from .harness import CANARY, NOW, OLD_SECRET, SECRET, Event, mac, request

TYPES = (
    ("v2.billing.rate_card_subscription.servicing_activated", "v2.billing.rate_card_subscription",
    "/v2/billing/rate_card_subscriptions/"),
    ("v2.billing.rate_card.updated", "v2.billing.rate_card", "/v2/billing/rate_cards/"),
    ("v1.invoice.paid", "invoice", "/v1/invoices/"),
    ("v1.customer.updated", "customer", "/v1/customers/"),
    ("v2.money.thing.updated", "v2.money.thing", "/v2/money/things/"),
    ("v1.charge.succeeded", "charge", "/v1/charges/"),
)  # fmt: skip
UNKNOWN: tuple[Any, ...] = (
    None, True, 0, -1, 10**40, 1.5, "", "é漢😀", CANARY, "\x00\x1f", [], {}, [[[{}]]], {"object": "list",
    "data": [1, None]},
    {"id": "evt_2", "livemode": True}, "x" * 10_000,
)  # fmt: skip
HEADER_NAMES = ("stripe-signature", "Stripe-Signature", "STRIPE-SIGNATURE", "sTRIPE-sIGNATURE")


def secret_of(random: Random) -> str:
    return random.choice((SECRET, SECRET, OLD_SECRET))


def body_of(random: Random) -> str:
    """An event, thin or a snapshot, in Stripe's own writing or in another of the same meaning."""
    value = _thin(random) if random.random() < 0.5 else _snapshot(random)
    for _ in range(random.randrange(4)):
        target = random.choice([value, *(part for part in value.values() if isinstance(part, dict))])
        target[f"unknown_{random.randrange(9)}"] = deepcopy(random.choice(UNKNOWN))
    members = list(value.items())
    if random.random() < 0.3:
        random.shuffle(members)
    text = json.dumps(
        dict(members),
        ensure_ascii=random.random() < 0.5,
        indent=random.choice((None, None, 0, 2, "\t")),
        separators=random.choice(((",", ":"), (", ", ": "), (" , ", " : "))),
    )
    return random.choice(("", "", " ", "\n")) + text + random.choice(("", "", "\n", " \r\n\t"))


def _thin(random: Random) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(BODY)
    value["type"], type_name, url = random.choice(TYPES)
    identifier = f"x_{random.randrange(10**9)}"
    value["id"] = f"evt_{random.randrange(10**9)}"
    value["related_object"] = {"id": identifier, "type": type_name, "url": url + identifier}
    value["created"] = random.choice(
        (
            "2023-11-14T22:13:20.000Z",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.123456+00:00",
            "2023-11-15T00:13:20+02:00",
        )
    )
    match random.randrange(8):
        case 0:
            value["related_object"] = None
        case 1:
            del value["related_object"]
        case 2:
            value["related_object"].pop("id")
        case 3:
            value["related_object"]["id"] = None
    return _with_scope(value, "context", random)


def _snapshot(random: Random) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(SNAPSHOT)
    type_name = random.choice(("customer", "invoice", "coupon", "charge", "billing.meter"))
    value["type"] = f"{type_name}.updated"
    value["id"] = f"evt_{random.randrange(10**9)}"
    value["created"] = random.choice((0, 1, 1_700_000_000, 2**31, 2**33 - 1))
    value["data"]["object"] |= {"object": type_name, "id": f"x_{random.randrange(10**9)}"}
    match random.randrange(8):
        case 0:
            value["data"]["object"].pop("id")
        case 1:
            value["data"]["object"]["customer"] = random.choice((None, "cus_1", {"id": "cus_1", "object": "customer"}))
        case 2:
            value["data"]["previous_attributes"] = {"name": CANARY}
    return _with_scope(value, "account", random)


def _with_scope(value: dict[str, Any], name: str, random: Random) -> dict[str, Any]:
    value["livemode"] = random.random() < 0.5
    scope = random.choice(("missing", None, "", "acct_1", "acct_1/acct_2"))
    return value if scope == "missing" else {**value, name: scope}


def valid(number: int) -> tuple[Event, str]:
    """The request of a number, and the body in it."""
    random = Random(number)
    body = body_of(random)
    at = NOW + random.choice((0, -300, 300, random.randrange(-300, 301)))
    signatures = [f"v1={mac(body, secret_of(random), at)}"]
    for _ in range(random.choice((0, 0, 1, 2, 20))):
        wrong = f"{random.choice(('v1', 'v1', 'v0', 'v2'))}={mac(body, 'whsec_other', at)}"
        signatures.insert(random.randrange(len(signatures) + 1), wrong)
    parts = [f"t={at}", *signatures]
    if random.random() < 0.1:
        random.shuffle(parts)
    event = request(body)
    if random.random() < 0.4:
        event = request(base64.b64encode(body.encode()).decode(), isBase64Encoded=True)
    elif random.random() < 0.1:
        del event["isBase64Encoded"]
    event["headers"] = {**event["headers"], random.choice(HEADER_NAMES): ",".join(parts)}
    return event, body
