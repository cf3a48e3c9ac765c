"""What the flows may count on of Stripe's lists: in the schedules, and on the adapter in front of the stand-in."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound, PermanentError, TransientError
from billing_mirror.core.json_body import JsonObject, value_at
from billing_mirror.core.paging import first_page
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.fetch import list_pages
from tests.doubles.samples import rate, rate_card, sample, subscription, version

from .accounts import SUBSCRIPTIONS, Eventful

CARDS = "/v2/billing/rate_cards"
CUSTOMERS = "/v1/customers"
EVENTS = "/v2/core/events"
CARD = "v2.billing.rate_card"
SUBSCRIPTION = "v2.billing.rate_card_subscription"


async def listed(account: Eventful, path: str, query: Mapping[str, str] | None = None) -> list[str]:
    """The ids on all pages of a list, one after the other."""
    return [str(body["id"]) for body in await whole(account, path, query)]


async def whole(account: Eventful, path: str, query: Mapping[str, str] | None = None) -> list[JsonObject]:
    pages = list_pages(path, query or {}, account.stripe, api=api_of(path), context=None)
    return [body async for page in pages for body in page]


async def get(account: Eventful, path: str, *include: str) -> JsonObject:
    return (await account.stripe.get(StripeRequest(path, api_of(path), context=None, include=include))).body


def api_of(path: str) -> ApiChannel:
    return ApiChannel.PREVIEW if path.startswith("/v2/billing/") else ApiChannel.GA


def customer(identifier: str) -> JsonObject:
    return {"id": identifier, "object": "customer", "created": 1_700_000_000, "livemode": False}


@pytest.mark.parametrize("path", ["/v1/nonsense/no_1", "/v1/nonsense", "/v1/customers/cus_1/nonsense"])
async def test_a_path_that_stripe_does_not_know_is_refused(eventful: Eventful, path: str) -> None:
    eventful.put("customer", customer("cus_1"))
    with pytest.raises(PermanentError, match="404"):
        await get(eventful, path)


@pytest.mark.parametrize("path", [f"{CARDS}/rcd_0", "/v1/products/gold", f"{EVENTS}/evt_0", f"{CARDS}/rcd_1/rates/r_1"])
async def test_an_object_that_was_never_there_is_gone(eventful: Eventful, path: str) -> None:
    eventful.put(CARD, rate_card("rcd_1"))
    with pytest.raises(NotFound):
        await get(eventful, path)


@pytest.mark.parametrize("path", [f"{CARDS}/rcd_0/rates", f"{CARDS}/rcd_0/versions", f"{CUSTOMERS}/cus_0/tax_ids"])
async def test_the_list_of_an_owner_that_is_not_there_is_gone(eventful: Eventful, path: str) -> None:
    with pytest.raises(NotFound):
        await listed(eventful, path)


async def test_the_list_of_a_version_that_is_not_there_is_gone(eventful: Eventful) -> None:
    eventful.put(CARD, rate_card("rcd_1"))
    with pytest.raises(NotFound):
        await listed(eventful, f"{CARDS}/rcd_1/rates", {"rate_card_version": "rcdv_0"})


@pytest.mark.parametrize("path", ["/v1/products", CARDS, SUBSCRIPTIONS, EVENTS])
async def test_a_list_of_nothing_is_empty(eventful: Eventful, path: str) -> None:
    assert await listed(eventful, path) == []


@pytest.mark.parametrize("limit", ["0", "101"])
async def test_a_page_has_its_limits(eventful: Eventful, limit: str) -> None:
    with pytest.raises(PermanentError, match="400"):
        await get(eventful, f"{CUSTOMERS}?limit={limit}")


@pytest.mark.parametrize(("path", "type_name"), [(CUSTOMERS, "customer"), (CARDS, CARD)])
async def test_the_newest_comes_first(eventful: Eventful, path: str, type_name: str) -> None:
    made = [f"x_{number}" for number in range(5)]
    for identifier in made:
        eventful.put(type_name, {**customer(identifier), "object": type_name})
    assert await listed(eventful, path) == made[::-1]


async def test_a_page_holds_no_more_than_is_asked_for(eventful: Eventful) -> None:
    for number in range(3):
        eventful.put("customer", customer(f"cus_{number}"))
    page = await get(eventful, f"{CUSTOMERS}?limit=1")
    assert (value_at(page, "has_more"), await listed(eventful, CUSTOMERS, {"limit": "1"})) == (
        True,
        ["cus_2", "cus_1", "cus_0"],
    )


@pytest.mark.parametrize(("path", "type_name"), [(CUSTOMERS, "customer"), (CARDS, CARD)])
async def test_what_is_made_between_two_pages_hides_nothing(eventful: Eventful, path: str, type_name: str) -> None:
    """It may make v2 show something twice."""
    made = [f"x_{number}" for number in range(6)]
    for identifier in made:
        eventful.put(type_name, {**customer(identifier), "object": type_name})
    found: list[str] = []
    async for page in list_pages(path, {"limit": "2"}, eventful.stripe, api=api_of(path), context=None):
        found += [str(body["id"]) for body in page]
        if len(found) == 2:
            eventful.put(type_name, {**customer("x_new"), "object": type_name})
    assert set(made) <= set(found)


async def test_a_v1_list_does_not_go_on_after_what_was_removed_between_two_pages(eventful: Eventful) -> None:
    for number in range(4):
        eventful.put("product", {**customer(f"p_{number}"), "object": "product"})
    pages = list_pages("/v1/products", {"limit": "2"}, eventful.stripe, api=ApiChannel.GA, context=None)
    first = await anext(pages)
    eventful.remove("product", str(first[-1]["id"]))
    with pytest.raises(TransientError, match="changed between two pages"):
        await anext(pages)


async def test_an_object_that_was_removed_is_neither_shown_nor_listed(eventful: Eventful) -> None:
    for identifier in ("rcd_1", "rcd_2"):
        eventful.put(CARD, rate_card(identifier))
    eventful.remove(CARD, "rcd_1")
    assert await listed(eventful, CARDS) == ["rcd_2"]
    with pytest.raises(NotFound):
        await get(eventful, f"{CARDS}/rcd_1")


async def test_a_list_is_filtered_by_what_its_objects_say(eventful: Eventful) -> None:
    eventful.put(CARD, rate_card("rcd_1", active=True))
    eventful.put(CARD, rate_card("rcd_2", active=False))
    assert await listed(eventful, CARDS, {"active": "false"}) == ["rcd_2"]
    assert await listed(eventful, CARDS, {"active": "true"}) == ["rcd_1"]


async def test_canceled_subscriptions_are_listed_when_they_are_asked_for(eventful: Eventful) -> None:
    for identifier, status in (("rcds_1", "active"), ("rcds_2", "canceled"), ("rcds_3", "paused")):
        eventful.put(SUBSCRIPTION, subscription(identifier, servicing_status=status))
    assert await listed(eventful, SUBSCRIPTIONS) == ["rcds_3", "rcds_1"]
    assert await listed(eventful, SUBSCRIPTIONS, {"servicing_status": "canceled"}) == ["rcds_2"]
    assert await listed(eventful, SUBSCRIPTIONS, {"servicing_status": "paused"}) == ["rcds_3"]


async def test_v1_lists_canceled_subscriptions_under_all_or_under_their_status(eventful: Eventful) -> None:
    eventful.put("subscription", sample("subscription", id="sub_1", status="active", test_clock=None))
    eventful.put("subscription", sample("subscription", id="sub_2", status="canceled", test_clock=None))
    asked: list[dict[str, str]] = [{}, {"status": "all"}, {"status": "canceled"}]
    shown = [await listed(eventful, "/v1/subscriptions", query) for query in asked]
    assert shown == [["sub_1"], ["sub_2", "sub_1"], ["sub_2"]]


async def test_what_is_shown_on_request_is_listed_on_request(eventful: Eventful) -> None:
    rules = [{"id": "rule_1", "type": "percent_off"}]
    body = sample("v2.billing.cadence", id="bc_1", invoice_discount_rules=rules)  # type: ignore[arg-type]
    eventful.put("v2.billing.cadence", body)
    path, asked = "/v2/billing/cadences", {"include[0]": "invoice_discount_rules"}
    shown = [await get(eventful, f"{path}/bc_1"), await get(eventful, f"{path}/bc_1", "invoice_discount_rules")]
    shown += [*await whole(eventful, path), *await whole(eventful, path, asked)]
    assert [one.get("invoice_discount_rules") for one in shown] == [None, rules, None, rules]


async def test_an_invoice_shows_its_first_lines_and_its_list_the_others(eventful: Eventful) -> None:
    lines = [{"id": f"il_{number}", "object": "line_item", "amount": number} for number in range(13)]
    whole_list = {"object": "list", "has_more": False, "url": "/v1/invoices/in_1/lines", "data": lines}
    eventful.put("invoice", sample("invoice", id="in_1", lines=whole_list))  # type: ignore[arg-type]
    body = await get(eventful, "/v1/invoices/in_1")
    assert (value_at(body, "lines.has_more"), value_at(body, "lines.data")) == (True, lines[:10])
    assert await whole(eventful, "/v1/invoices/in_1/lines") == lines
    with pytest.raises(NotFound):
        await get(eventful, first_page("/v1/invoices/in_1/lines", {"starting_after": "il_99"}))


async def told(account: Eventful) -> tuple[str, str, str]:
    """The ids of three events, of two objects."""
    account.put(CARD, rate_card("rcd_1"))
    account.put("customer", customer("cus_1"))
    first, second = account.tell(CARD, "rcd_1", "created"), account.tell("customer", "cus_1", "created")
    return first, second, account.tell(CARD, "rcd_1", "updated")


async def test_events_are_listed_newest_first(eventful: Eventful) -> None:
    events = await told(eventful)
    assert await listed(eventful, EVENTS) == [*events[::-1]]
    assert await listed(eventful, EVENTS, {"limit": "1"}) == [*events[::-1]]


async def test_events_are_listed_by_what_they_are_about(eventful: Eventful) -> None:
    first, _, third = await told(eventful)
    assert await listed(eventful, EVENTS, {"object_id": "rcd_1"}) == [third, first]
    assert await listed(eventful, EVENTS, {"object_id": "rcd_0"}) == []


async def test_events_are_listed_by_their_types(eventful: Eventful) -> None:
    first, second, third = await told(eventful)
    both = {"types[0]": f"{CARD}.updated", "types[1]": "v1.customer.created"}
    assert await listed(eventful, EVENTS, {"types[0]": f"{CARD}.created"}) == [first]
    assert await listed(eventful, EVENTS, both) == [third, second]


async def test_events_are_listed_by_when_they_were_made(eventful: Eventful) -> None:
    events = await told(eventful)
    made = str((await get(eventful, f"{EVENTS}/{events[0]}"))["created"])
    long_ago, far_ahead = "2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00Z"
    assert set(await listed(eventful, EVENTS, {"created[gte]": made})) == set(events)
    assert await listed(eventful, EVENTS, {"created[gt]": far_ahead}) == []
    assert await listed(eventful, EVENTS, {"created[lte]": long_ago}) == []
    assert events[0] not in await listed(eventful, EVENTS, {"created[gt]": made})
    assert len(await listed(eventful, EVENTS, {"created[gt]": long_ago, "created[lt]": far_ahead})) == 3


async def test_an_event_is_listed_as_it_is_fetched(eventful: Eventful) -> None:
    event, *_ = await told(eventful)
    [shown] = await whole(eventful, EVENTS, {"types[0]": f"{CARD}.created"})
    fetched = await get(eventful, f"{EVENTS}/{quote(event)}")
    names = ("id", "object", "type", "created", "livemode", "related_object")
    assert [shown[name] for name in names] == [fetched[name] for name in names]


async def test_the_rates_of_a_version_are_listed(eventful: Eventful) -> None:
    eventful.put(CARD, rate_card("rcd_1", live_version="rcdv_1"))
    eventful.put("v2.billing.rate_card_version", version("rcdv_1"), "rcd_1")
    eventful.put("v2.billing.rate_card_rate", rate("rcdr_1"), "rcd_1")
    assert await listed(eventful, f"{CARDS}/rcd_1/rates", {"rate_card_version": "rcdv_1"}) == ["rcdr_1"]
