"""Malicious references in events: each event is quarantined without a request to Stripe.

Otherwise the author of such an event could send our key to any URL, or overwrite any item.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import key_id
from billing_mirror.ports import StripeRequest, StripeResponse
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe

from .end_to_end import Flows


class ForbiddenStripe:
    """Implements ``ports.Stripe``: any request fails the test."""

    livemode = False

    def __init__(self) -> None:
        self.requests: list[str] = []

    def version(self, api: ApiChannel) -> str:
        return f"2026-01-01.{api}"

    async def get(self, request: StripeRequest) -> StripeResponse:
        self.requests.append(request.path)
        raise AssertionError(f"Stripe received a request for {request.path}")


@dataclass(frozen=True)
class Kind:
    """A kind of object type, as a valid related object: ``{x}`` is the id in its URL, ``{p}`` the parent."""

    event: str
    type: str
    url: str
    id: str | None = "x_1"
    parent: str = ""
    chosen: bool = False
    """Whether people could choose the id: then it may be nearly any text."""
    is_part: bool = False
    """Whether it is inside other objects, which the fetched event names."""

    @property
    def related(self) -> dict[str, Any]:
        named = {"id": self.id} if self.id else {}
        return {**named, "type": self.type, "url": self.at()}

    def at(self, identifier: str | None = None, parent: str | None = None) -> str:
        """The URL with another id, or another parent, in it."""
        own = self.id or "" if identifier is None else identifier
        return self.url.replace("{x}", own).replace("{p}", self.parent if parent is None else parent)


KINDS = {
    "plain": Kind("v2.billing.rate_card.updated", "v2.billing.rate_card", "/v2/billing/rate_cards/{x}"),
    "plain v1": Kind("v1.invoice.paid", "invoice", "/v1/invoices/{x}"),
    "chosen id": Kind("v1.coupon.updated", "coupon", "/v1/coupons/{x}", chosen=True),
    "chosen customer id": Kind("v1.customer.updated", "customer", "/v1/customers/{x}", chosen=True),
    "nested": Kind(
        "v2.billing.rate_card_rate.created",
        "v2.billing.rate_card_rate",
        "/v2/billing/rate_cards/{p}/rates/{x}",
        parent="rcd_1",
    ),
    "nested by another name": Kind(
        "v2.billing.rate_card_rate.created",
        "v2.billing.rate_card.rate",
        "/v2/billing/rate_cards/{p}/rates/{x}",
        parent="rcd_1",
    ),
    "two urls": Kind("v1.customer.tax_id.updated", "tax_id", "/v1/customers/{p}/tax_ids/{x}", parent="cus_1"),
    "singleton": Kind(
        "v1.cash_balance.funds_available", "cash_balance", "/v1/customers/{p}/cash_balance", id=None, parent="cus_1"
    ),
    "part": Kind(
        "v1.customer.discount.updated",
        "discount",
        "/v1/customers/{p}/discount",
        id=None,
        parent="cus_1",
        is_part=True,
    ),
    "generic": Kind("v2.money.thing.updated", "v2.money.thing", "/v2/money/things/{x}"),
    "generic singleton": Kind("v1.tax.settings.updated", "tax.settings", "/v1/tax/settings", id=None),
}

INVALID_IDS = (
    "", ".", "..", "...", "/", "a/b", "../x", "x/..", "a//b", "%2e%2e", "a%2Fb", "a%00b", "a b", " x_1", "x_1 ",
    "a\tb", "x_1\n", "a\r\nb", "a\x00b", "a\x7fb", "\x1b[31m", "é", "x_\uff11", "x_\u0661", "\u202ex", "\u2024\u2024",
    "a" * 256, "a" * 5000, "a?b", "a#b", "a\\b", "..\\x", "a:b", "a@b", "{id}", "{parent}", "a&b=c", "a=b", "a;b",
    "a'b", 'a"b', "$(x)", "*", ":x", "test#x", "live#x#object",
)  # fmt: skip

INVALID_CHOSEN_IDS = (
    "", ".", "..", "a\tb", "x_1\n", "a\r\nb", "a\x00b", "a\x7fb", "\x1b[31m", "a\x85b", "a" * 5001,
    "sha256:" + "0" * 64,
)  # fmt: skip

INVALID_OWNERS = (
    "", ".", "..", "/", "../x", "x/..", "a//b", "a/../b", "a b/../c", "a+b/%2e%2e/c", "/a", "a/", "a=b/./c", "%2e%2e",
    "%2E", "a%00b", "a%0Ab", "a\tb", "x_1\n", "a\x00b", "a\x7fb", "\u202ex", "a" * 5001, "a?b", "a b?c=d&e", "a#b",
    "a\\b", "a+b\\..\\c", "{id}", "{parent}", ":x",
)  # fmt: skip
"""Spellings of a customer's id in a URL."""

CHOSEN_IDS = (
    "25% OFF", "Pro plan $699/month", "a b", "é漢😀", "x_\uff11", "a?b=c&d", "a#b", "a:b@c", "{id}", "{parent}", "*",
    ":x", "test#x", "v1/accounts", "%252e", "~", "a.b", "é" * 255, "...", "/", "/x", "../x", "x/..", "x/../y", "a//b",
    "%2e%2e", "%2E", "a%2Fb", "a%2fb", "a%00b", "a%5cb", "a\\b", "..\\x", "a" * 256, "a" * 5000, "é" * 5000,
)  # fmt: skip

MALICIOUS_URLS = (
    "{u}/", "{u}/..", "{u}/../y", "{u}/.", "{u}/%2e%2e", "{u}%2f..%2fy", "/{u}", "//evil.example{u}", "/{u}/",
    "https://api.stripe.com{u}", "http://evil.example{u}", "HTTPS://evil.example{u}", "//x@evil.example{u}", "@evil{u}",
    "{u}@evil.example", "{u}?expand[]=x", "{u}?", "{u}#x", "{u}#", "{u};x=1", "{u}\\..", "\\\\evil{u}", "{u}\\",
    " {u}", "{u} ", "{u}\n", "\n{u}", "{u}\x00", "{u}\u2028", "{u}\u202e", "{u}é", "file://{u}", "javascript:x", "",
    "/", "/v1", "x", "/v1/../admin{u}", "/v1/%2e%2e/x", "/v1/account/x?", "/v3{u}", "/V1/x", "/v1//x", "*", "{u}{u}/",
    "/_control/objects",
)  # fmt: skip

OTHER_URLS = (
    "/v1/account", "/v1/accounts/acct_1", "/v2/core/events/evt_1", "/v1/charges/ch_1", "/v2/billing/cadences/bc_1",
    "/v1/billing_portal/configurations/x_2", "/v1/v1/invoices/x_1", "/v1/invoices/x_1/x_1",
)  # fmt: skip


def malicious(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Malicious related objects of a kind, with their labels."""
    kind = KINDS[name]
    for way in MALICIOUS_URLS:
        yield f"url {way!r}", {**kind.related, "url": way.replace("{u}", kind.at())}
    if kind.id:
        yield from _by_id(kind)
    if kind.parent:
        yield from (
            (f"parent {text!r:.20}", {**kind.related, "url": kind.at(parent=text)}) for text in _invalid_parents(kind)
        )
    if not name.startswith("generic"):
        yield from ((f"url of another type {url}", {**kind.related, "url": url}) for url in OTHER_URLS)


def _by_id(kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
    for text in INVALID_CHOSEN_IDS if kind.chosen else INVALID_IDS:
        yield f"id {text!r:.20}", {**kind.related, "id": text, "url": kind.at(text)}
    for text in INVALID_IDS:
        yield f"id, not in the url {text!r:.20}", {**kind.related, "id": text}
        yield f"id, only in the url {text!r:.20}", {**kind.related, "url": kind.at(text)}
    yield "another id in the url", {**kind.related, "url": kind.at("x_2")}
    if not kind.event.startswith("v2.money"):  # of an unknown type it could be a singleton
        yield "no id", {"type": kind.type, "url": kind.at()}


def _invalid_parents(kind: Kind) -> list[str]:
    """Stripe's own placeholder begins with a colon; a customer's id is any text."""
    invalid = INVALID_OWNERS if kind.parent == "cus_1" else INVALID_IDS
    return [text for text in invalid if text != (":x" if kind.id else "")] + ([] if kind.id else [""])


def thin(kind: Kind, related: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "object": "v2.core.event",
        "id": "evt_1",
        "type": kind.event,
        "created": "2023-11-14T22:13:20.000Z",
        "livemode": False,
        "related_object": related,
        **fields,
    }


def snapshot(event_type: str, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "event",
        "id": "evt_1",
        "type": event_type,
        "created": 1_700_000_000,
        "livemode": False,
        "data": {"object": shown},
    }


def flows(stripe: ForbiddenStripe | MemoryStripe) -> Flows:
    return Flows(ManualClock(), stripe, MemoryMirror(), MemoryStateStore())


async def require_quarantined(event: dict[str, Any], quoted: Sequence[str], *, through_the_bus: bool = False) -> None:
    """By webhook or by EventBridge, the event is quarantined complete, with a reason that quotes nothing of it."""
    stripe = ForbiddenStripe()
    dependencies = flows(stripe)
    text = json.dumps(event)
    if through_the_bus:
        await dependencies.queue.send(
            json.dumps({"source": "aws.partner/stripe.com/ed_1", "detail": event}), group="bus"
        )
    else:
        accepted = await dependencies.accept(text)
        assert accepted.status == 200
        assert accepted.metric in (Metric.ACCEPTED, Metric.QUARANTINED)
    ended = await dependencies.work()
    assert {one.outcome for one in ended} <= {Outcome.QUARANTINED}
    assert stripe.requests == []
    [(_, reason)] = dependencies.queue.quarantined
    assert reason
    assert not reason.startswith("unforeseen")
    for part in quoted:
        assert len(part) < 3 or part not in reason
    assert isinstance(dependencies.mirror, MemoryMirror)
    assert not dependencies.mirror.objects
    assert not dependencies.mirror.counters


def texts(related: dict[str, Any], kind: Kind) -> list[str]:
    """The malicious texts of a related object."""
    return [str(related[name]) for name in ("id", "url") if related.get(name) not in (None, *kind.related.values())]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_valid_related_object_is_fetched(kind: Kind) -> None:
    shown = "/v2/billing/rate_cards"
    stripe = MemoryStripe(lists={shown: []})
    dependencies = flows(stripe)
    await dependencies.accept(thin(kind, kind.related))
    dependencies.clock.advance(120)
    assert [one.outcome for one in await dependencies.work()] == [Outcome.REMOVED]
    fetched = [path for path in stripe.paths if not path.startswith(f"{shown}?")]
    assert len(fetched) == (2 if kind.is_part else 1)


@pytest.mark.parametrize("name", KINDS)
async def test_a_related_object_that_stripe_would_not_name_is_quarantined(name: str) -> None:
    for label, related in malicious(name):
        # The rule of the bus writes an empty text for what an event lacks.
        for bus in (False,) if related.get("id") == "" else (False, True):
            try:
                await require_quarantined(thin(KINDS[name], related), texts(related, KINDS[name]), through_the_bus=bus)
            except (AssertionError, ValueError) as error:
                raise AssertionError(f"{label} (EventBridge: {bus}): {related!r:.300}") from error


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not name.startswith("generic")])
@pytest.mark.parametrize("related_type", ["generic", "plain v1", "plain"])
async def test_an_object_of_another_type_than_the_events_is_quarantined(name: str, related_type: str) -> None:
    if KINDS[name].type != KINDS[related_type].type:
        await require_quarantined(thin(KINDS[name], KINDS[related_type].related), [KINDS[related_type].at()])


@pytest.mark.parametrize("type_name", ["", "a/b", "..%2f", "x" * 256, "a b", "rate\ncard", "é"])
async def test_a_type_that_is_no_name_is_quarantined(type_name: str) -> None:
    related = {**KINDS["plain"].related, "type": type_name}
    await require_quarantined(thin(KINDS["plain"], related), [type_name])
    await require_quarantined(thin(KINDS["plain"], KINDS["plain"].related, type=type_name), [type_name])


@pytest.mark.parametrize("half", ["id", "url", "type"])
async def test_half_a_character_is_quarantined(half: str) -> None:
    related = {**KINDS["plain"].related, half: "\ud800"}
    await require_quarantined(thin(KINDS["plain"], related), ["\ud800"])


@pytest.mark.parametrize("odd", [7, True, [], {}, ["x_1"], {"id": "x_1"}, 1e400], ids=repr)
@pytest.mark.parametrize("member", ["id", "url", "type"])
async def test_what_is_no_text_is_quarantined(member: str, odd: object) -> None:
    await require_quarantined(thin(KINDS["plain"], {**KINDS["plain"].related, member: odd}), [])


@pytest.mark.parametrize("text", [text for text in INVALID_IDS if text], ids=lambda text: f"{text!r:.20}")
@pytest.mark.parametrize(
    ("event_type", "shown"),
    [
        ("invoice.paid", {"object": "invoice"}),
        ("customer.tax_id.updated", {"object": "tax_id", "customer": "cus_1"}),
        ("customer.subscription.updated", {"object": "subscription"}),
    ],
)
async def test_a_snapshot_of_such_an_id_is_quarantined(event_type: str, shown: dict[str, Any], text: str) -> None:
    await require_quarantined(snapshot(event_type, {**shown, "id": text}), [text])


@pytest.mark.parametrize("text", [text for text in INVALID_CHOSEN_IDS if text], ids=lambda text: f"{text!r:.20}")
@pytest.mark.parametrize("type_name", ["coupon", "customer", "plan", "price", "product"])
async def test_a_snapshot_of_an_impossible_chosen_id_is_quarantined(type_name: str, text: str) -> None:
    await require_quarantined(snapshot(f"{type_name}.updated", {"object": type_name, "id": text}), [text])


@pytest.mark.parametrize("text", CHOSEN_IDS, ids=lambda text: f"{text!r:.20}")
async def test_an_id_that_people_chose_leads_to_its_own_url_and_nowhere_else(text: str) -> None:
    quoted = quote(text, safe="")
    coupon = KINDS["chosen id"]
    for event in (
        thin(coupon, {**coupon.related, "id": text, "url": f"/v1/coupons/{quoted}"}),
        snapshot("coupon.updated", {"object": "coupon", "id": text}),
    ):
        stripe = MemoryStripe(objects={f"/v1/coupons/{quoted}": {"id": text, "object": "coupon", "created": 1}})
        dependencies = flows(stripe)
        await dependencies.accept(event)
        assert [one.outcome for one in await dependencies.work()] == [Outcome.STORED]
        assert stripe.paths == [f"/v1/coupons/{quoted}"]
        assert isinstance(dependencies.mirror, MemoryMirror)
        assert list(dependencies.mirror.objects) == [f"test#coupon/{key_id(text)}"]


@pytest.mark.parametrize("text", [text for text in INVALID_CHOSEN_IDS if text], ids=lambda text: f"{text!r:.20}")
@pytest.mark.parametrize(
    ("event_type", "shown"),
    [("cash_balance.funds_available", "cash_balance"), ("customer.discount.created", "discount")],
)
async def test_a_snapshot_of_such_an_owner_is_quarantined(event_type: str, shown: str, text: str) -> None:
    await require_quarantined(snapshot(event_type, {"object": shown, "id": "x_1", "customer": text}), [text])


@pytest.mark.parametrize(
    "text", ["evt_1/..", "evt_#", "../evt_1", "evt_1?x", "evt_é", "evt_1\n", "evt_" + "a" * 256, ""]
)
async def test_an_event_with_an_invalid_id_is_quarantined(text: str) -> None:
    error = replace(KINDS["plain"], event="v1.billing.meter.no_meter_found")
    await require_quarantined(thin(error, None, id=text), [text])


@pytest.mark.parametrize("text", [text for text in INVALID_CHOSEN_IDS if text], ids=lambda text: f"{text!r:.20}")
@pytest.mark.parametrize(
    "event_type", ["v1.entitlements.active_entitlement_summary.updated", "v1.customer.discount.source_changed"]
)
async def test_an_owner_that_only_the_fetched_event_names_is_no_way_in(event_type: str, text: str) -> None:
    stripe = MemoryStripe(objects={"/v2/core/events/evt_1": {"id": "evt_1", "data": {"customer": text}}})
    dependencies = flows(stripe)
    await dependencies.accept(thin(replace(KINDS["plain"], event=event_type), None))
    await dependencies.work()
    [(_, reason)] = dependencies.queue.quarantined
    assert len(text) < 3 or text not in reason
    assert stripe.paths == ["/v2/core/events/evt_1"]


@pytest.mark.parametrize("text", [text for text in INVALID_IDS if text], ids=lambda text: f"{text!r:.20}")
async def test_a_parent_that_only_the_fetched_event_names_is_no_way_in(text: str) -> None:
    stripe = MemoryStripe(objects={"/v2/core/events/evt_1": {"id": "evt_1", "data": {"rate_card": text}}})
    dependencies = flows(stripe)
    nested = KINDS["nested"]
    await dependencies.accept(thin(nested, {**nested.related, "url": nested.at(parent=":rate_card_id")}))
    await dependencies.work()
    [(_, reason)] = dependencies.queue.quarantined
    assert len(text) < 3 or text not in reason
    assert stripe.paths == ["/v2/core/events/evt_1"]
