"""Classes of signed events with malicious content: quarantined, or queued and never fetched."""

import json
from typing import Any
from urllib.parse import quote

from .case import (
    BODY,
    SNAPSHOT,
    Cases,
    case_class,
    never_fetched,
    quarantined,
    queued,
    related,
    showing,
    snapshot,
    thin,
    without,
)
from .harness import CANARY

ODD: tuple[Any, ...] = (7, 1.5, True, [], {}, ["x"], {"id": "x"}, "", " ", "\x00", "é", "x" * 5000)
INVALID_NAMES = (
    "", " ", "a b", "a/b", "../x", "a\n", "\na", "a\x00b", "a%2fb", "a?b", "a#b", "a:b", "{id}", "%s", "é", "a\u200bb",
    "\ud800", "x" * 256, "$(x)", "a'b", 'a"b', "<x>", "a\\b", "a\u202eb",
)  # fmt: skip
INVALID_IDS = (
    ".",
    "..",
    "../x",
    "x/..",
    "%2e%2e",
    "a\x00b",
    "a\r\nb",
    "\x7f",
    "a b",
    "a?b",
    "a#b",
    "{id}",
    "é",
    "x\u202e",
)


@case_class
def other_kinds_of_object() -> Cases:
    for kind in (
        "list", "customer", "v2.core.event_destination", "v2.core.events", "Event", "EVENT", "event ", " event",
        "event\x00",
        "v2.core.event\n", "billing_mirror.refresh", "\u0435vent", "v2.core.\u0435vent", "", None, 7, True, [],
        {}, ["event"], {"event": 1},
    ):  # fmt: skip
        yield quarantined(f"{kind!r}", thin(object=kind))
        yield quarantined(f"{kind!r}, a snapshot", snapshot(object=kind))
    yield quarantined("none", without(BODY, "object"))
    yield quarantined("a thin one with a snapshot's kind", thin(object="event"))
    yield quarantined("a snapshot with a thin one's kind", snapshot(object="v2.core.event"))


@case_class
def our_own_messages() -> Cases:
    thin = {"object": "billing_mirror.refresh", "livemode": False, "type": "customer", "id": "cus_1", "note": CANARY}
    yield quarantined("a refresh request", json.dumps(thin))
    yield quarantined("a refresh request for an unlisted object", json.dumps(thin | {"unlisted": True}))
    yield quarantined("a thin event without URL, as we make them of snapshots", related(url=None))
    yield quarantined("a record of SQS", json.dumps({"Records": [{"body": BODY}]}))


@case_class
def envelopes_of_event_bridge() -> Cases:
    for name, source in (
        ("ours", "aws.partner/stripe.com/ed_1"),
        ("another partner's", "aws.partner/evil"),
        ("none", ""),
    ):
        envelope = {"version": "0", "id": "1", "source": source, "detail-type": "x", "detail": json.loads(BODY)}
        yield quarantined(name, json.dumps(envelope))
        yield quarantined(f"{name}, of a snapshot", json.dumps(envelope | {"detail": json.loads(SNAPSHOT)}))
    yield quarantined("in an envelope", json.dumps({"source": "aws.partner/stripe.com/x", "detail": {"detail": {}}}))
    yield quarantined(
        "around its own kind", json.dumps(json.loads(BODY) | {"object": None, "detail": json.loads(BODY)})
    )


@case_class
def missing_members() -> Cases:
    for name in ("object", "id", "type", "created", "livemode"):
        yield quarantined(f"{name}", without(BODY, name))
        yield quarantined(f"{name} null", thin(**{name: None}))
        yield quarantined(f"{name}, of a snapshot", without(SNAPSHOT, name))
        yield quarantined(f"{name} in capitals", BODY.replace(f'"{name}"', f'"{name.upper()}"', 1))
    yield quarantined("the object's type", related(type=None))
    yield quarantined("the object's URL", related(url=None))
    yield quarantined("a snapshot's data", without(SNAPSHOT, "data"))


@case_class
def members_of_another_type() -> Cases:
    for odd in ODD:
        name = f"{odd!r:.20}"
        for member in ("id", "type", "created"):
            yield quarantined(f"{member} {name}", thin(**{member: odd}))
        if odd is not True:
            yield quarantined(f"livemode {name}", thin(livemode=odd))
        if odd != {}:
            yield quarantined(f"related_object {name}", thin(related_object=odd))
        if odd != "":
            yield quarantined(f"context {name}", thin(context=odd))
        yield quarantined(f"type of the object {name}", related(type=odd))
    for odd in (7, True, [], {}, ["x"]):
        yield quarantined(f"id of the object {odd!r}", related(id=odd))
        yield quarantined(f"url {odd!r}", related(url=odd))
    yield quarantined("related_object {}", thin(related_object={}))
    yield quarantined("livemode in words", thin(livemode="false"))


@case_class
def malicious_snapshots() -> Cases:
    odd: Any
    nothings: tuple[Any, ...] = (None, 7, True, [], {}, "x", [{}])
    for odd in nothings:
        yield quarantined(f"data {odd!r}", snapshot(data=odd))
        yield quarantined(f"object {odd!r}", snapshot(data={"object": odd}))
        yield quarantined(f"kind {odd!r}", showing(object=odd if odd != "x" else "x y"))
    for odd in (1.0, "1", True, -1, 2**33, [], {}, None):
        yield quarantined(f"created {odd!r}", snapshot(created=odd))
    for odd in (7, [], {}, ["cus_1"], {"id": "cus_1"}, None, True):
        yield never_fetched(f"id {odd!r}", showing(id=odd))
        yield never_fetched(f"customer {odd!r}", showing(object="cash_balance", id="x", customer=odd))
    yield quarantined("an id of 5001 characters", showing(id="x" * 5001))
    yield quarantined("a customer of 5001 characters", showing(customer="x" * 5001))
    yield quarantined("a type of 251 characters", snapshot(type="x" * 251))
    yield quarantined("an account that is none", snapshot(account="../x"))
    yield quarantined("a context that is none, and an account that is one", snapshot(context="x", account="acct_1"))


@case_class
def snapshots_of_ignored_types() -> Cases:
    carried: tuple[Any, ...] = (
        {"object": {"id": "x"}},
        {"object": {}},
        {"object": None},
        {},
        None,
        7,
        [CANARY],
        CANARY,
    )
    for data in carried:
        yield never_fetched(f"{data!r:.30}", snapshot(type="balance.available", data=data))
        yield quarantined(f"{data!r:.30}, of another type", snapshot(type="balance.available.x.y", data=data))
    yield never_fetched("none", without(snapshot(type="invoice.upcoming"), "data"))
    yield never_fetched("an URL", snapshot(type="invoice.upcoming", data={"object": {"url": "/v1/invoices/in_1"}}))
    yield quarantined("with no account", snapshot(type="balance.available", data={}, account="../x"))
    yield quarantined("with no id", snapshot(type="balance.available", data={}, id="../x"))


@case_class
def contexts_that_are_none() -> Cases:
    for text in (
        "x", "acct_", "acct_1/", "/acct_1", "acct_1//acct_2", "acct_1/../acct_2", "acct_1/x", "acct_1\n", " acct_1",
        "acct_1\x00", "ACCT_1", "acct_é", "acct_1#", "acct_1?x", "acct_1%2facct_2", "live/acct_1",
        "acct_1:webhook", "\ud800",
        "*", "acct_1,acct_2", "\u0430\u0441ct_1", "acct_\uff11", "acct_1\\acct_2", "x" * 1001, "acct_1\u2028",
    ):  # fmt: skip
        yield quarantined(f"{text!r:.30}", thin(context=text))
        yield quarantined(f"{text!r:.30}, of a snapshot", snapshot(account=text))


@case_class
def ids_of_events_that_are_none() -> Cases:
    for text in (
        "", "evt_", "evt", "EVT_1", "xevt_1", "evt_1/..", "../evt_1", "evt_1\n", "evt_1 ", " evt_1", "evt_1\x00",
        "evt_é",
        "evt_1?x", "evt_1#x", "evt_%31", "evt_1-2", "evt_{id}", "evt_\uff11", "evt_1,evt_2", "cus_1",
        "evt_" + "a" * 252,
        "\u0435vt_1", "evt_1\\..", "evt_1;x", "evt_\ud800",
    ):  # fmt: skip
        yield quarantined(f"{text!r:.30}", thin(id=text))
        yield quarantined(f"{text!r:.30}, of a snapshot", snapshot(id=text))


@case_class
def types_that_are_no_names() -> Cases:
    for text in INVALID_NAMES:
        yield quarantined(f"{text!r:.30}", thin(type=text))
        yield quarantined(f"{text!r:.30}, of a snapshot", snapshot(type=text))
        yield quarantined(f"{text!r:.30}, of the object", related(type=text))
        yield quarantined(f"{text!r:.30}, of the object shown", showing(object=text))


@case_class
def types_with_confusable_characters() -> Cases:
    for one, other in (
        ("e", "\u0435"),
        ("a", "\u0430"),
        ("o", "\u03bf"),
        ("i", "\u0131"),
        ("c", "\uff43"),
        ("v", "\u0475"),
        ("-", "\u2010"),
        (".", "\uff0e"),
        ("_", "\uff3f"),
    ):
        text = json.loads(BODY)["type"].replace(one, other)
        if text != json.loads(BODY)["type"]:
            yield quarantined(f"{one} {ord(other):x}", thin(type=text))
            yield quarantined(f"{one} {ord(other):x}, of the object", related(type=text))
    for text in (
        "V2.billing.rate_card_subscription",
        "v2.billing.rate_card_subscriptions",
        "v2.billing.rate_card_subscription.",
    ):
        yield never_fetched(text, related(type=text))


@case_class
def times_that_are_none() -> Cases:
    for text in (
        "", "now", "2023-11-14", "2023-11-14T22:13:20", "22:13:20Z", "2023-13-14T22:13:20Z", "2023-02-30T00:00:00Z",
        "2023-11-14T25:00:00Z", "2023-11-14T22:13:20+99:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "-2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z\n", "\uff12\uff1023-11-14T22:13:20Z", "NaN", "Infinity",
        "2023-W46-2T00:00:00Z",
        "1e400", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20 UTC", "9" * 1000, "\x00", "2023-11-14T22:13:20Z" * 2,
    ):  # fmt: skip
        yield quarantined(f"{text!r:.30}", thin(created=text))
    for text in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59.999999Z"):
        yield queued(text, thin(created=text))


@case_class
def urls_that_lead_elsewhere() -> Cases:
    own = json.loads(BODY)["related_object"]["url"]
    for url in (
        "", "/", "x", f"{own}/", f"{own}/..", f"{own}/../x", f"{own}%2f..", f"/{own}", f"//evil.example{own}",
        f"{own}?x",
        f"https://api.stripe.com{own}", f"https://evil.example{own}", f"@evil.example{own}",
        f"{own}@evil.example", f"{own}#",
        f"{own}\n", f"\n{own}", f" {own}", f"{own}\x00", f"{own};x", "file:///etc/passwd", "javascript:x",
        "/v1/account",
        "http://169.254.169.254/latest/meta-data", "/v1/charges/ch_1", f"{own}é", f"{own}\\..", own.upper(), f"{own}2",
        own.replace("v2", "v1"), own.replace("v2", "v3"), own.replace("billing", "billing/../core"), f"{own}/{own}",
        own.replace("rcds_1", "%72cds_1"), own.replace("/v2", ""), own.replace("rcds_1", ""), "x" * 2000, "/v2" * 600,
    ):  # fmt: skip
        yield never_fetched(f"{url!r:.60}", related(url=url))


@case_class
def ids_that_lead_elsewhere() -> Cases:
    own = json.loads(BODY)["related_object"]["url"]
    for text in INVALID_IDS:
        yield never_fetched(f"{text!r}", related(id=text))
        yield never_fetched(f"{text!r}, in the URL too", related(id=text, url=own.replace("rcds_1", text)))
        yield never_fetched(
            f"{text!r}, of a snapshot",
            snapshot(type="invoice.paid", data={"object": {"object": "invoice", "id": text}}),
        )
    for name, id_ in (("none", None), ("empty", ""), ("another", "rcds_2"), ("255 characters", "x" * 255)):
        yield never_fetched(name, related(id=id_))


@case_class
def ids_that_people_chose() -> Cases:
    def coupon(text: str, spelled: str) -> str:
        return thin(
            type="v1.coupon.updated",
            related_object={"id": text, "type": "coupon", "url": f"/v1/coupons/{spelled}"},
        )

    for text in ("a/b", "../x", "x/..", "//", "/", "a\\b", "%2f", "%2e%2e", "...", "é" * 5000, "jo@example.com"):
        yield queued(f"{text!r:.20}", coupon(text, quote(text, safe="")))
        yield queued(f"{text!r:.20}, of a snapshot", showing(id=text))
        yield never_fetched(f"{text!r:.20}, of another", coupon("x_1", quote(text, safe="")))
        yield never_fetched(f"{text!r:.20}, and more", coupon(text, quote(text, safe="") + "/.."))
    for text in (".", "..", "a\n", "a\x00", "\x7f", "sha256:" + "0" * 64):
        for spelled in {text, quote(text, safe=""), "".join(f"%{byte:02x}" for byte in text.encode())}:
            yield never_fetched(f"{text!r:.20} as {spelled!r:.30}", coupon(text, spelled))
        yield never_fetched(f"{text!r:.20}, of a snapshot", showing(id=text))


@case_class
def owners_that_people_chose() -> Cases:
    def card(spelled: str) -> str:
        url = f"/v1/customers/{spelled}/sources/card_1"
        return thin(type="v1.customer.card.updated", related_object={"id": "card_1", "type": "card", "url": url})

    for spelled in (
        "jo@example.com", "jo%40example.com", "a%2Fb", "%2e%2e%2fx", "a%5cb", "25%25%20OFF", "jo+smith@example.com",
        "jo smith", "jo%2520smith", "é", "%c3%a9", "100%", "a%zz", "%ff", "a&b", "a=b", "a b=c&d+é%", "%252e%252e",
    ):  # fmt: skip
        yield queued(spelled, card(spelled))
    for spelled in (
        "..", ".", "%2e%2e", "%2E", "a%00", "a%0a", "a?b", "a#b", "a\\b", ":x", "{id}", "a@b/..", "a@b/../c", "a@b//c",
        "%2f/%2e%2e", "a+b/..", "a b/../c", "é//c", "a=b?c&d", "100%#x", "a&b\\..\\c", "a b/%2e%2e/c", "a+b/./c",
        "a b\n", "a+\x00", "é\u202e", "a=%0d%0aX:y", "a b/sources/card_2?x=",
    ):  # fmt: skip
        yield never_fetched(spelled, card(spelled))


@case_class
def objects_of_another_type() -> Cases:
    for type_, url in (
        ("customer", "/v1/customers/cus_1"), ("v2.billing.rate_card", "/v2/billing/rate_cards/rcds_1"),
        ("v2.core.event", "/v2/core/events/evt_1"), ("account", "/v1/account"), ("x", "/v2/billing/rate_cards/rcds_1"),
    ):  # fmt: skip
        yield never_fetched(type_, related(type=type_, url=url))


@case_class
def control_characters() -> Cases:
    for point in (0, 1, 7, 8, 0x1B, 0x7F, 0x85, 0x9B):
        mark = chr(point)
        yield quarantined(f"type {point:#x}", thin(type=f"v2.x{mark}.y"))
        yield quarantined(f"id {point:#x}", thin(id=f"evt_1{mark}"))
        yield quarantined(f"type of the object {point:#x}", related(type=f"x{mark}"))
        yield quarantined(f"context {point:#x}", thin(context=f"acct_1{mark}"))
        yield never_fetched(f"id of the object {point:#x}", related(id=f"rcds_1{mark}"))


@case_class
def texts_that_are_too_long() -> Cases:
    for length in (5001, 200_000):
        yield quarantined(f"id {length}", thin(id="evt_" + "1" * length))
        yield quarantined(f"type {length}", thin(type="x" * length))
        yield quarantined(f"id of the object {length}", related(id="x" * length))
        yield quarantined(f"type of the object {length}", related(type="x" * length))
        yield quarantined(f"customer {length}", related(customer="x" * length))
    yield quarantined("url", related(url="/" + "x" * 65_000))
    yield quarantined("context", thin(context="acct_" + "1" * 996))
    yield queued("note", thin(note="x" * 200_000))


@case_class
def names_that_mean_something_elsewhere() -> Cases:
    for name in (
        "__proto__", "constructor", "prototype", "__class__", "__init__", "model_config", "model_fields",
        "__dict__", "toString",
        "$ref", "$where", "@type", "_id", "", "object.id", "related_object.id", "resource", "self", "cls",
        "__pydantic_extra__",
        "lists", "unlisted", "parent", "{id}", "../id",
    ):  # fmt: skip
        value = {"object": "event", "id": CANARY, "livemode": True, "admin": True, CANARY: CANARY}
        yield queued(name, thin(**{name: value}))
        yield queued(f"{name}, of the object", related(**{name: value}))
    for name in ("__proto__", "constructor", "__class__"):
        yield quarantined(f"{name} instead of the members", json.dumps({name: json.loads(BODY)}))
