"""From page to page of one list, and never to anywhere else."""

from urllib.parse import parse_qs, urlsplit

import pytest

from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.errors import Refused, Retryable
from billing_mirror.core.paging import entries, first_page, next_page

PATH = "/v2/billing/rate_card_subscriptions"


class TestTheFirstPage:
    def test_asks_for_full_pages(self) -> None:
        assert first_page(PATH, {}) == f"{PATH}?limit=100"

    def test_passes_filters_on_escaped(self) -> None:
        query = {"servicing_status": "canceled", "payer[customer]": "a&b=c d/é"}
        path, _, asked = first_page(PATH, query).partition("?")
        assert path == PATH
        assert asked.isascii()
        assert parse_qs(asked, strict_parsing=True) == {
            "limit": ["100"],
            **{name: [value] for name, value in query.items()},
        }


class TestEntries:
    def test_are_the_objects_of_a_page_in_their_order(self) -> None:
        page: JsonObject = {"data": [{"id": "b"}, {"id": "a"}], "next_page_url": None}
        assert entries(page) == [{"id": "b"}, {"id": "a"}]

    def test_may_be_none(self) -> None:
        assert entries({"data": [], "next_page_url": None}) == []

    @pytest.mark.parametrize(
        "page",
        [
            {},
            {"data": []},
            {"next_page_url": None},
            {"data": None, "next_page_url": None},
            {"data": {}, "next_page_url": None},
            {"object": "list", "data": [], "has_more": False},
            {"id": "rcds_1", "object": "v2.billing.rate_card_subscription"},
        ],
    )
    def test_of_something_that_is_no_page_are_asked_for_again(self, page: JsonObject) -> None:
        with pytest.raises(Retryable):
            entries(page)


def after(url: Json) -> str | None:
    return next_page({"data": [], "next_page_url": url}, path=PATH)


class TestTheNextPage:
    def test_is_where_stripe_says(self) -> None:
        assert after(f"{PATH}?limit=100&page=abc") == f"{PATH}?limit=100&page=abc"

    def test_of_the_last_page_is_none(self) -> None:
        assert after(None) is None
        assert next_page({"data": []}, path=PATH) is None

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "?page=2",
            f"https://api.stripe.com{PATH}?page=2",
            f"https://evil.example{PATH}?page=2",
            f"//evil.example{PATH}?page=2",
            f"http:{PATH}?page=2",
            f"\\\\evil.example{PATH}?page=2",
            f"@evil.example{PATH}?page=2",
            f"{PATH}/?page=2",
            f"{PATH}/rcds_1?page=2",
            f"{PATH}/../secrets?page=2",
            f"{PATH}%2f..?page=2",
            f"{PATH};x?page=2",
            f"{PATH.upper()}?page=2",
            f"x{PATH}?page=2",
            "/v2/billing/cadences?page=2",
            "/v2/core/events?page=2",
        ],
    )
    def test_is_refused_anywhere_but_in_the_same_list(self, url: str) -> None:
        with pytest.raises(Refused, match="somewhere else"):
            after(url)

    @pytest.mark.parametrize("url", [1, True, [], {}, [f"{PATH}?page=2"]])
    def test_is_refused_when_it_is_no_text(self, url: Json) -> None:
        with pytest.raises(Refused):
            after(url)

    def test_of_a_list_below_a_parent_stays_below_that_parent(self) -> None:
        path = "/v2/billing/rate_cards/rcd_1/rates"
        page: JsonObject = {"data": [], "next_page_url": "/v2/billing/rate_cards/rcd_2/rates?page=2"}
        with pytest.raises(Refused):
            next_page(page, path=path)


def test_a_first_page_belongs_to_its_own_list() -> None:
    assert urlsplit(first_page(PATH, {"a": "b"})).path == PATH
    assert after(first_page(PATH, {"a": "b"})) == first_page(PATH, {"a": "b"})


@pytest.mark.parametrize(
    "url",
    [
        "//[",
        "//[x]/y",
        "///v2/things?page=2",
        "/v2/things\n?page=2",
        " /v2/things",
        "\t/v2/things",
        "/v2/things#x",
        "/v2/things?page=a b\r\n",
        "/v2/things?page=é",
    ],
)
def test_a_next_page_that_is_no_plain_path_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        next_page({"data": [], "next_page_url": url}, path="/v2/things")


def test_a_page_with_something_that_is_no_object_is_no_page() -> None:
    with pytest.raises(Retryable):
        entries({"data": [{"id": "a"}, 1, None], "next_page_url": None})
