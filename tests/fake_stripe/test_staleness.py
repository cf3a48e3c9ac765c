"""Stale reads and lists, as an eventually consistent API has."""

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import Catalogue, Wire


class TestReads:
    def test_the_first_reads_after_a_change_show_the_state_before(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        stand_in.faults(stale_reads={"reads": 2, "path_prefix": "/v1/customers/"})
        path = f"/v1/customers/{catalogue.customer}"
        stand_in.update(catalogue.customer, {"name": "Ada"})
        assert [wire.get(path).body["name"] for _ in range(3)] == [None, None, "Ada"]

    def test_a_new_object_is_missing_at_first(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(stale_reads={"reads": 1})
        path = f"/v1/customers/{stand_in.create('customer')['id']}"
        assert [wire.get(path).status for _ in range(2)] == [404, 200]

    def test_a_removed_object_is_still_there_at_first(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        stand_in.faults(stale_reads={"reads": 1})
        stand_in.remove(catalogue.customer)
        path = f"/v1/customers/{catalogue.customer}"
        assert "deleted" not in wire.get(path).body
        assert wire.get(path).body["deleted"]

    def test_reads_can_lag_by_time(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        path = f"/v2/billing/rate_cards/{catalogue.card}"
        stand_in.faults(stale_reads={"seconds": 60})
        assert wire.get(path).status == 404
        stand_in.faults(stale_reads={"seconds": 0})
        assert wire.get(path).status == 200

    def test_the_truth_is_never_stale(self, stand_in: StandIn) -> None:
        stand_in.faults(stale_reads={"seconds": 60}, stale_lists={"seconds": 60})
        made = stand_in.create("customer")
        assert [each["body"] for each in stand_in.objects("customer")] == [made]


class TestLists:
    def test_a_list_can_lag_by_changes_while_reads_do_not(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        stand_in.faults(stale_lists={"changes": 1, "path_prefix": "/v2/billing/rate_cards"})
        late = stand_in.create("v2.billing.rate_card", {"display_name": "Late"})["id"]
        assert wire.ids("/v2/billing/rate_cards") == [catalogue.card]
        assert wire.get(f"/v2/billing/rate_cards/{late}").status == 200
        stand_in.create("customer")
        assert wire.ids("/v2/billing/rate_cards") == [late, catalogue.card]

    def test_a_removed_object_can_stay_in_a_list_for_a_time(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        stand_in.faults(stale_lists={"seconds": 60})
        assert wire.ids("/v2/billing/metered_items") == []
        stand_in.faults(stale_lists={"changes": 1})
        stand_in.remove(catalogue.item)
        assert wire.ids("/v2/billing/metered_items") == [catalogue.item]
        stand_in.faults(stale_lists=None)
        assert wire.ids("/v2/billing/metered_items") == []
