"""The contract of Stripe's lists: for the simulated Stripe, and for the adapter with the stand-in."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound, PermanentError, TransientError
from billing_mirror.core.json_body import JsonObject, value_at
from billing_mirror.core.stripe_api.paging import first_page
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.fetch import list_pages
from tests.doubles.samples import rate, rate_card, sample, subscription, version

from .accounts import SUBSCRIPTIONS, AccountWithEvents

CARDS = "/v2/billing/rate_cards"
CUSTOMERS = "/v1/customers"
EVENTS = "/v2/core/events"
CARD = "v2.billing.rate_card"
SUBSCRIPTION = "v2.billing.rate_card_subscription"


async def listed(account: AccountWithEvents, path: str, query: Mapping[str, str] | None = None) -> list[str]:
    """The ids on all pages of a list, one after the other."""
    return [str(body["id"]) for body in await whole(account, path, query)]


async def whole(account: AccountWithEvents, path: str, query: Mapping[str, str] | None = None) -> list[JsonObject]:
    pages = list_pages(path, query or {}, account.stripe, api=api_of(path), context=None)
    return [body async for page in pages for body in page]


async def get(account: AccountWithEvents, path: str, *include: str) -> JsonObject:
    return (await account.stripe.get(StripeRequest(path, api_of(path), context=None, include=include))).body


def api_of(path: str) -> ApiChannel:
    return ApiChannel.PREVIEW if path.startswith("/v2/billing/") else ApiChannel.GA


def customer(identifier: str) -> JsonObject:
    return {"id": identifier, "object": "customer", "created": 1_700_000_000, "livemode": False}


@pytest.mark.parametrize("path", ["/v1/nonsense/no_1", "/v1/nonsense", "/v1/customers/cus_1/nonsense"])
async def test_a_path_that_stripe_does_not_know_is_refused(account_with_events: AccountWithEvents, path: str) -> None:
    account_with_events.put("customer", customer("cus_1"))
    with pytest.raises(PermanentError, match="404"):
        await get(account_with_events, path)


@pytest.mark.parametrize("path", [f"{CARDS}/rcd_0", "/v1/products/gold", f"{EVENTS}/evt_0", f"{CARDS}/rcd_1/rates/r_1"])
async def test_an_object_that_never_existed_is_not_found(account_with_events: AccountWithEvents, path: str) -> None:
    account_with_events.put(CARD, rate_card("rcd_1"))
    with pytest.raises(NotFound):
        await get(account_with_events, path)


@pytest.mark.parametrize("path", [f"{CARDS}/rcd_0/rates", f"{CARDS}/rcd_0/versions", f"{CUSTOMERS}/cus_0/tax_ids"])
async def test_the_list_of_a_missing_owner_is_not_found(account_with_events: AccountWithEvents, path: str) -> None:
    with pytest.raises(NotFound):
        await listed(account_with_events, path)


async def test_the_list_of_a_missing_version_is_not_found(account_with_events: AccountWithEvents) -> None:
    account_with_events.put(CARD, rate_card("rcd_1"))
    with pytest.raises(NotFound):
        await listed(account_with_events, f"{CARDS}/rcd_1/rates", {"rate_card_version": "rcdv_0"})


@pytest.mark.parametrize("path", ["/v1/products", CARDS, SUBSCRIPTIONS, EVENTS])
async def test_a_list_of_nothing_is_empty(account_with_events: AccountWithEvents, path: str) -> None:
    assert await listed(account_with_events, path) == []


@pytest.mark.parametrize("limit", ["0", "101"])
async def test_a_page_has_its_limits(account_with_events: AccountWithEvents, limit: str) -> None:
    with pytest.raises(PermanentError, match="400"):
        await get(account_with_events, f"{CUSTOMERS}?limit={limit}")


@pytest.mark.parametrize(("path", "type_name"), [(CUSTOMERS, "customer"), (CARDS, CARD)])
async def test_the_newest_comes_first(account_with_events: AccountWithEvents, path: str, type_name: str) -> None:
    made = [f"x_{number}" for number in range(5)]
    for identifier in made:
        account_with_events.put(type_name, {**customer(identifier), "object": type_name})
    assert await listed(account_with_events, path) == made[::-1]


async def test_a_page_holds_no_more_than_its_limit(account_with_events: AccountWithEvents) -> None:
    for number in range(3):
        account_with_events.put("customer", customer(f"cus_{number}"))
    page = await get(account_with_events, f"{CUSTOMERS}?limit=1")
    assert (value_at(page, "has_more"), await listed(account_with_events, CUSTOMERS, {"limit": "1"})) == (
        True,
        ["cus_2", "cus_1", "cus_0"],
    )


@pytest.mark.parametrize(("path", "type_name"), [(CUSTOMERS, "customer"), (CARDS, CARD)])
async def test_what_is_made_between_two_pages_hides_nothing(
    account_with_events: AccountWithEvents, path: str, type_name: str
) -> None:
    """It may make v2 show something twice."""
    made = [f"x_{number}" for number in range(6)]
    for identifier in made:
        account_with_events.put(type_name, {**customer(identifier), "object": type_name})
    found: list[str] = []
    async for page in list_pages(path, {"limit": "2"}, account_with_events.stripe, api=api_of(path), context=None):
        found += [str(body["id"]) for body in page]
        if len(found) == 2:
            account_with_events.put(type_name, {**customer("x_new"), "object": type_name})
    assert set(made) <= set(found)


async def test_a_v1_list_does_not_continue_after_an_object_removed_between_two_pages(
    account_with_events: AccountWithEvents,
) -> None:
    for number in range(4):
        account_with_events.put("product", {**customer(f"p_{number}"), "object": "product"})
    pages = list_pages("/v1/products", {"limit": "2"}, account_with_events.stripe, api=ApiChannel.GA, context=None)
    first = await anext(pages)
    account_with_events.remove("product", str(first[-1]["id"]))
    with pytest.raises(TransientError, match="changed between two pages"):
        await anext(pages)


async def test_an_object_that_was_removed_is_neither_shown_nor_listed(account_with_events: AccountWithEvents) -> None:
    for identifier in ("rcd_1", "rcd_2"):
        account_with_events.put(CARD, rate_card(identifier))
    account_with_events.remove(CARD, "rcd_1")
    assert await listed(account_with_events, CARDS) == ["rcd_2"]
    with pytest.raises(NotFound):
        await get(account_with_events, f"{CARDS}/rcd_1")


async def test_a_list_is_filtered_by_what_its_objects_say(account_with_events: AccountWithEvents) -> None:
    account_with_events.put(CARD, rate_card("rcd_1", active=True))
    account_with_events.put(CARD, rate_card("rcd_2", active=False))
    assert await listed(account_with_events, CARDS, {"active": "false"}) == ["rcd_2"]
    assert await listed(account_with_events, CARDS, {"active": "true"}) == ["rcd_1"]


async def test_canceled_subscriptions_are_listed_on_request_only(
    account_with_events: AccountWithEvents,
) -> None:
    for identifier, status in (("rcds_1", "active"), ("rcds_2", "canceled"), ("rcds_3", "paused")):
        account_with_events.put(SUBSCRIPTION, subscription(identifier, servicing_status=status))
    assert await listed(account_with_events, SUBSCRIPTIONS) == ["rcds_3", "rcds_1"]
    assert await listed(account_with_events, SUBSCRIPTIONS, {"servicing_status": "canceled"}) == ["rcds_2"]
    assert await listed(account_with_events, SUBSCRIPTIONS, {"servicing_status": "paused"}) == ["rcds_3"]


async def test_v1_lists_canceled_subscriptions_under_all_or_under_their_status(
    account_with_events: AccountWithEvents,
) -> None:
    account_with_events.put("subscription", sample("subscription", id="sub_1", status="active", test_clock=None))
    account_with_events.put("subscription", sample("subscription", id="sub_2", status="canceled", test_clock=None))
    requests: list[dict[str, str]] = [{}, {"status": "all"}, {"status": "canceled"}]
    shown = [await listed(account_with_events, "/v1/subscriptions", query) for query in requests]
    assert shown == [["sub_1"], ["sub_2", "sub_1"], ["sub_2"]]


async def test_what_is_shown_on_request_is_listed_on_request(account_with_events: AccountWithEvents) -> None:
    rules = [{"id": "rule_1", "type": "percent_off"}]
    body = sample("v2.billing.cadence", id="bc_1", invoice_discount_rules=rules)  # type: ignore[arg-type]
    account_with_events.put("v2.billing.cadence", body)
    path, requests = "/v2/billing/cadences", {"include[0]": "invoice_discount_rules"}
    shown = [
        await get(account_with_events, f"{path}/bc_1"),
        await get(account_with_events, f"{path}/bc_1", "invoice_discount_rules"),
    ]
    shown += [*await whole(account_with_events, path), *await whole(account_with_events, path, requests)]
    assert [one.get("invoice_discount_rules") for one in shown] == [None, rules, None, rules]


async def test_an_invoice_shows_its_first_lines_and_its_list_the_others(account_with_events: AccountWithEvents) -> None:
    lines = [{"id": f"il_{number}", "object": "line_item", "amount": number} for number in range(13)]
    whole_list = {"object": "list", "has_more": False, "url": "/v1/invoices/in_1/lines", "data": lines}
    account_with_events.put("invoice", sample("invoice", id="in_1", lines=whole_list))  # type: ignore[arg-type]
    body = await get(account_with_events, "/v1/invoices/in_1")
    assert (value_at(body, "lines.has_more"), value_at(body, "lines.data")) == (True, lines[:10])
    assert await whole(account_with_events, "/v1/invoices/in_1/lines") == lines
    with pytest.raises(NotFound):
        await get(account_with_events, first_page("/v1/invoices/in_1/lines", {"starting_after": "il_99"}))


async def announced(account: AccountWithEvents) -> tuple[str, str, str]:
    """The ids of three events, of two objects."""
    account.put(CARD, rate_card("rcd_1"))
    account.put("customer", customer("cus_1"))
    first, second = account.announce(CARD, "rcd_1", "created"), account.announce("customer", "cus_1", "created")
    return first, second, account.announce(CARD, "rcd_1", "updated")


async def test_events_are_listed_newest_first(account_with_events: AccountWithEvents) -> None:
    events = await announced(account_with_events)
    assert await listed(account_with_events, EVENTS) == [*events[::-1]]
    assert await listed(account_with_events, EVENTS, {"limit": "1"}) == [*events[::-1]]


async def test_events_are_listed_by_what_they_are_about(account_with_events: AccountWithEvents) -> None:
    first, _, third = await announced(account_with_events)
    assert await listed(account_with_events, EVENTS, {"object_id": "rcd_1"}) == [third, first]
    assert await listed(account_with_events, EVENTS, {"object_id": "rcd_0"}) == []


async def test_events_are_listed_by_their_types(account_with_events: AccountWithEvents) -> None:
    first, second, third = await announced(account_with_events)
    both = {"types[0]": f"{CARD}.updated", "types[1]": "v1.customer.created"}
    assert await listed(account_with_events, EVENTS, {"types[0]": f"{CARD}.created"}) == [first]
    assert await listed(account_with_events, EVENTS, both) == [third, second]


async def test_events_are_listed_by_when_they_were_made(account_with_events: AccountWithEvents) -> None:
    events = await announced(account_with_events)
    made = str((await get(account_with_events, f"{EVENTS}/{events[0]}"))["created"])
    long_ago, far_ahead = "2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00Z"
    assert set(await listed(account_with_events, EVENTS, {"created[gte]": made})) == set(events)
    assert await listed(account_with_events, EVENTS, {"created[gt]": far_ahead}) == []
    assert await listed(account_with_events, EVENTS, {"created[lte]": long_ago}) == []
    assert events[0] not in await listed(account_with_events, EVENTS, {"created[gt]": made})
    assert len(await listed(account_with_events, EVENTS, {"created[gt]": long_ago, "created[lt]": far_ahead})) == 3


async def test_an_event_is_listed_as_it_is_fetched(account_with_events: AccountWithEvents) -> None:
    event, *_ = await announced(account_with_events)
    [shown] = await whole(account_with_events, EVENTS, {"types[0]": f"{CARD}.created"})
    fetched = await get(account_with_events, f"{EVENTS}/{quote(event)}")
    names = ("id", "object", "type", "created", "livemode", "related_object")
    assert [shown[name] for name in names] == [fetched[name] for name in names]


async def test_the_rates_of_a_version_are_listed(account_with_events: AccountWithEvents) -> None:
    account_with_events.put(CARD, rate_card("rcd_1", live_version="rcdv_1"))
    account_with_events.put("v2.billing.rate_card_version", version("rcdv_1"), "rcd_1")
    account_with_events.put("v2.billing.rate_card_rate", rate("rcdr_1"), "rcd_1")
    assert await listed(account_with_events, f"{CARDS}/rcd_1/rates", {"rate_card_version": "rcdv_1"}) == ["rcdr_1"]
