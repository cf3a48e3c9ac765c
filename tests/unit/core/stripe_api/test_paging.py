"""From page to page of one list, and never to anywhere else."""

from urllib.parse import parse_qs, urlsplit

import pytest

from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.stripe_api.paging import entries, first_page, next_page

PATH = "/v2/billing/rate_card_subscriptions"


class TestTheFirstPage:
    def test_requests_full_pages(self) -> None:
        assert first_page(PATH, {}) == f"{PATH}?limit=100"

    def test_passes_filters_on_escaped(self) -> None:
        query = {"servicing_status": "canceled", "payer[customer]": "a&b=c d/é"}
        path, _, sent = first_page(PATH, query).partition("?")
        assert path == PATH
        assert sent.isascii()
        assert parse_qs(sent, strict_parsing=True) == {
            "limit": ["100"],
            **{name: [value] for name, value in query.items()},
        }


class TestEntries:
    def test_are_the_objects_of_a_page_in_their_order(self) -> None:
        page: JsonObject = {"data": [{"id": "b"}, {"id": "a"}], "next_page_url": None}
        assert entries(page) == [{"id": "b"}, {"id": "a"}]

    def test_of_an_empty_page_are_an_empty_list(self) -> None:
        assert entries({"data": [], "next_page_url": None}) == []

    @pytest.mark.parametrize(
        "page",
        [
            {},
            {"data": []},
            {"next_page_url": None},
            {"data": None, "next_page_url": None},
            {"data": {}, "next_page_url": None},
            {"object": "list", "data": [], "has_more": None},
            {"object": "list", "data": [], "has_more": "false"},
            {"object": "list", "data": None, "has_more": False},
            {"id": "rcds_1", "object": "v2.billing.rate_card_subscription"},
        ],
    )
    def test_of_a_body_that_is_not_a_page_are_retried(self, page: JsonObject) -> None:
        with pytest.raises(TransientError):
            entries(page)


def after(url: Json) -> str | None:
    return next_page({"data": [], "next_page_url": url}, path=PATH, query={})


class TestTheNextPage:
    def test_is_where_stripe_says(self) -> None:
        assert after(f"{PATH}?limit=100&page=abc") == f"{PATH}?limit=100&page=abc"

    def test_does_not_exist_after_the_last_page(self) -> None:
        assert after(None) is None
        assert next_page({"data": []}, path=PATH, query={}) is None

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
        with pytest.raises(PermanentError, match="somewhere else"):
            after(url)

    @pytest.mark.parametrize("url", [1, True, [], {}, [f"{PATH}?page=2"]])
    def test_is_refused_when_it_is_no_text(self, url: Json) -> None:
        with pytest.raises(PermanentError):
            after(url)

    def test_of_a_list_below_a_parent_stays_below_that_parent(self) -> None:
        path = "/v2/billing/rate_cards/rcd_1/rates"
        page: JsonObject = {"data": [], "next_page_url": "/v2/billing/rate_cards/rcd_2/rates?page=2"}
        with pytest.raises(PermanentError):
            next_page(page, path=path, query={})


class TestTheNextPageOfV1:
    V1 = "/v1/subscription_items"

    def after(self, page: JsonObject, **query: str) -> str | None:
        return next_page({"object": "list", "url": "/v1/elsewhere", **page}, path=self.V1, query=query)

    def test_starts_after_the_last_object_and_keeps_the_filters(self) -> None:
        then = self.after({"data": [{"id": "si_1"}, {"id": "si_2"}], "has_more": True}, subscription="sub_1")
        assert then is not None
        assert then.partition("?")[0] == self.V1
        sent = {"limit": ["100"], "subscription": ["sub_1"], "starting_after": ["si_2"]}
        assert parse_qs(urlsplit(then).query, strict_parsing=True) == sent

    @pytest.mark.parametrize("more", [False, None, "true", 1])
    def test_is_none_unless_stripe_says_that_there_are_more(self, more: Json) -> None:
        assert self.after({"data": [{"id": "si_1"}], "has_more": more}) is None

    def test_after_an_empty_page_is_none_whatever_stripe_says(self) -> None:
        """As in Stripe's library: https://github.com/stripe/stripe-python/blob/master/stripe/_list_object.py"""
        assert self.after({"data": [], "has_more": True}) is None

    @pytest.mark.parametrize("shown", [[{"object": "x"}], [{"id": "si_1"}, {"id": ""}], [{"id": 7}]])
    def test_is_retried_where_the_page_does_not_name_its_last_object(self, shown: list[Json]) -> None:
        with pytest.raises(TransientError):
            self.after({"data": shown, "has_more": True})

    def test_escapes_the_id_that_it_starts_after(self) -> None:
        then = self.after({"data": [{"id": "a&limit=1#/.."}], "has_more": True})
        assert parse_qs(urlsplit(then or "").query)["starting_after"] == ["a&limit=1#/.."]

    def test_does_not_pile_up_what_the_pages_before_started_after(self) -> None:
        then = self.after({"data": [{"id": "si_9"}], "has_more": True}, starting_after="si_1")
        assert parse_qs(urlsplit(then or "").query)["starting_after"] == ["si_9"]

    def test_of_either_api_is_a_page(self) -> None:
        assert entries({"object": "list", "data": [{"id": "a"}], "has_more": False}) == [{"id": "a"}]


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
    with pytest.raises(PermanentError):
        next_page({"data": [], "next_page_url": url}, path="/v2/things", query={})


def test_a_page_with_something_that_is_no_object_is_no_page() -> None:
    with pytest.raises(TransientError):
        entries({"data": [{"id": "a"}, 1, None], "next_page_url": None})
