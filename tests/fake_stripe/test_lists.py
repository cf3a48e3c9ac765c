"""Pages, filters, and objects that lists leave out."""

import pytest
import stripe

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import Catalogue, Wire

SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"


@pytest.fixture
def items(stand_in: StandIn, catalogue: Catalogue) -> list[str]:
    """Six metered items, newest first."""
    made = [
        stand_in.create("v2.billing.metered_item", {"display_name": str(number), "meter": catalogue.meter})["id"]
        for number in range(5)
    ]
    return [*reversed(made), catalogue.item]


class TestV2Pages:
    def test_a_walk_by_next_page_url_sees_everything_once(self, sdk: stripe.StripeClient, items: list[str]) -> None:
        seen, url = [], "/v2/billing/metered_items?limit=2"
        while url:
            assert url.startswith("/v2/")
            page = sdk.raw_request("get", url).data
            assert set(page) == {"data", "next_page_url", "previous_page_url"}
            seen += [item["id"] for item in page["data"]]
            url = page["next_page_url"]
        assert seen == items

    def test_previous_page_url_leads_back(self, wire: Wire, items: list[str]) -> None:
        first = wire.get("/v2/billing/metered_items?limit=2").body
        assert first["previous_page_url"] is None
        second = wire.get(first["next_page_url"]).body
        assert wire.ids(second["previous_page_url"]) == items[:2]

    def test_an_object_created_during_a_walk_does_not_shift_the_pages(
        self, stand_in: StandIn, catalogue: Catalogue, wire: Wire, items: list[str]
    ) -> None:
        first = wire.get("/v2/billing/metered_items?limit=3").body
        stand_in.create("v2.billing.metered_item", {"display_name": "late", "meter": catalogue.meter})
        assert wire.ids(first["next_page_url"]) == items[3:]

    def test_filters_cannot_change_between_pages(self, wire: Wire, items: list[str]) -> None:
        assert items
        url = wire.get("/v2/billing/metered_items?limit=2").body["next_page_url"]
        assert wire.get(f"{url}&lookup_keys[0]=a").status == 400

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "page=x", "color=red", "created[gt]=1"])
    def test_bad_parameters_are_refused(self, wire: Wire, query: str) -> None:
        assert wire.get(f"/v2/billing/metered_items?{query}").status == 400

    def test_a_page_has_twenty_objects_by_default(self, stand_in: StandIn, catalogue: Catalogue, wire: Wire) -> None:
        for number in range(21):
            stand_in.create(
                "v2.billing.metered_item",
                {"display_name": str(number), "meter": catalogue.meter},
                without_event=True,
            )
        assert len(wire.ids("/v2/billing/metered_items")) == 20
        assert len(wire.ids("/v2/billing/metered_items?limit=100")) == 22


class TestFilters:
    @pytest.fixture
    def subscription(self, stand_in: StandIn, catalogue: Catalogue) -> str:
        made = stand_in.create("v2.billing.rate_card_subscription", catalogue.subscription_fields)
        return str(made["id"])

    def test_subscriptions_are_found_by_cadence_card_version_and_payer(
        self, sdk: stripe.StripeClient, catalogue: Catalogue, subscription: str
    ) -> None:
        version = sdk.raw_request("get", f"{SUBSCRIPTIONS}/{subscription}").data["rate_card_version"]
        filters = [
            {"billing_cadence": catalogue.cadence},
            {"rate_card": catalogue.card},
            {"rate_card_version": version},
            {"payer": {"type": "customer", "customer": catalogue.customer}},
        ]
        for each in filters:
            found = sdk.raw_request("get", SUBSCRIPTIONS, **each).data["data"]
            assert [item["id"] for item in found] == [subscription]

    def test_those_four_exclude_each_other(self, wire: Wire, catalogue: Catalogue) -> None:
        query = f"rate_card={catalogue.card}&billing_cadence={catalogue.cadence}"
        assert wire.get(f"{SUBSCRIPTIONS}?{query}").status == 400

    def test_an_unknown_id_in_a_filter_is_a_404_not_an_empty_page(self, wire: Wire) -> None:
        reply = wire.get(f"{SUBSCRIPTIONS}?rate_card=rcd_x")
        assert (reply.status, reply.body["error"]["code"]) == (404, "rate_card_not_found")

    def test_the_plain_list_hides_canceled_ones_unless_set_otherwise(
        self, stand_in: StandIn, wire: Wire, subscription: str
    ) -> None:
        stand_in.transition(subscription, "canceled")
        assert wire.ids(SUBSCRIPTIONS) == []
        assert wire.ids(f"{SUBSCRIPTIONS}?servicing_status=canceled") == [subscription]
        stand_in.faults(plain_list_hides_canceled=False)
        assert wire.ids(SUBSCRIPTIONS) == [subscription]

    def test_arrays_need_an_index_in_v2(self, wire: Wire, items: list[str]) -> None:
        assert items
        assert wire.get("/v2/billing/metered_items?lookup_keys[]=a").status == 400
        assert wire.ids("/v2/billing/metered_items?lookup_keys%5B0%5D=a") == []

    def test_gated_fields_are_null_unless_included(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        wire = Wire(stand_in.api_base)
        stand_in.update(catalogue.cadence, {"settings_data": {"bill": {}}})
        path = f"/v2/billing/cadences/{catalogue.cadence}"
        assert wire.get(path).body["settings_data"] is None
        assert wire.get(f"{path}?include[0]=settings_data").body["settings_data"] == {"bill": {}}


class TestV1Lists:
    @pytest.fixture
    def customers(self, stand_in: StandIn) -> list[str]:
        return [stand_in.create("customer", {"email": f"{n}@example.com"})["id"] for n in range(5)][::-1]

    def test_the_sdk_walks_all_pages(self, sdk: stripe.StripeClient, customers: list[str]) -> None:
        page = sdk.v1.customers.list({"limit": 2})
        assert page.has_more
        assert [each.id for each in page.auto_paging_iter()] == customers

    def test_both_cursors_at_once_are_refused(self, wire: Wire, customers: list[str]) -> None:
        query = f"starting_after={customers[0]}&ending_before={customers[1]}"
        assert wire.get(f"/v1/customers?{query}").status == 400

    def test_ending_before_goes_back(self, wire: Wire, customers: list[str]) -> None:
        reply = wire.get(f"/v1/customers?limit=2&ending_before={customers[3]}").body
        assert [each["id"] for each in reply["data"]] == customers[1:3]
        assert (reply["object"], reply["url"], reply["has_more"]) == ("list", "/v1/customers", True)

    def test_filters_compare_fields(self, wire: Wire, customers: list[str]) -> None:
        assert wire.ids("/v1/customers?email=0@example.com") == [customers[-1]]
        assert wire.ids("/v1/customers?created[lt]=1") == []
