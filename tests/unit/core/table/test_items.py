"""How an observation is laid down."""

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation, item, marker, members_in, tombstone

from .observed import SUBSCRIPTION, ref, seen


class TestAnItem:
    def test_has_the_attributes_of_its_type_beside_the_body(self) -> None:
        assert item(ref(), seen(SUBSCRIPTION), "cus_1") == {
            "id": "rcds_1",
            "type": "v2.billing.rate_card_subscription",
            "scope": "live",
            "fetched_at": "2024-11-26T16:33:03.250Z",
            "stripe_version": "2026-10-14.preview",
            "stripe_request_id": "req_1",
            "created": "2024-11-26T16:33:03.000Z",
            "customer": "cus_1",
            "parent": "rcd_1",
            "status": "active",
            "collection_status": "past_due",
            "digest": json_body.digest(SUBSCRIPTION),
            "data": SUBSCRIPTION,
        }

    def test_leaves_out_the_columns_whose_value_is_not_there(self) -> None:
        body: JsonObject = {"id": "rcds_1", "servicing_status": None, "collection_status": "", "rate_card": 3}
        columns = item(ref(), seen(body), None)
        assert not columns.keys() & {"customer", "parent", "status", "collection_status", "members"}
        assert None not in columns.values()

    def test_always_has_the_column_that_every_index_needs(self) -> None:
        assert item(ref(), seen({"id": "rcds_1"}), None)["created"] == "1970-01-01T00:00:00.000Z"

    def test_keeps_the_ids_of_its_members_in_order(self) -> None:
        version = ref("v2.billing.rate_card_version", "rcdv_1")
        listed: tuple[JsonObject, ...] = ({"id": "rcdr_2"}, {"id": "rcdr_1"}, {"no": "id"})
        columns = item(version, seen({"id": "rcdv_1"}, rate=listed), None)
        assert columns["members"] == {"rate": ["rcdr_1", "rcdr_2"]}

    def test_says_that_a_list_is_empty(self) -> None:
        version = ref("v2.billing.rate_card_version", "rcdv_1")
        assert item(version, seen({"id": "rcdv_1"}, rate=()), None)["members"] == {"rate": []}

    @pytest.mark.parametrize("value", ["\ud800", "x" * 1025, "é" * 513])
    def test_has_no_column_that_an_index_could_not_hold(self, value: str) -> None:
        assert "status" not in item(ref(), seen({"id": "rcds_1", "servicing_status": value}), None)

    def test_has_the_digest_of_the_body_as_it_was_sent(self) -> None:
        """A list inside it is in full here, and cut short where the object is listed."""
        short: JsonObject = {"id": "sub_1", "items": {"data": [{"id": "si_1"}], "has_more": True}}
        whole: JsonObject = {"id": "sub_1", "items": {"data": [{"id": "si_1"}, {"id": "si_2"}], "has_more": False}}
        one = ref_to(Scope(livemode=True), "subscription", "sub_1")
        columns = item(one, Observation(0.0, "v", "r", whole, json_body.digest(short)), None)
        assert (columns["data"], columns["digest"]) == (whole, json_body.digest(short))

    def test_of_a_nested_type_whose_body_names_no_parent_has_the_one_of_its_url(self) -> None:
        action = ref_to(Scope(livemode=True), "v2.billing.intent_action", "ia_1", "bi_1")
        assert item(action, seen({"id": "ia_1"}), None)["parent"] == "bi_1"

    def test_of_a_singleton_is_its_customers_child(self) -> None:
        balance = ref_to(Scope(livemode=True), "cash_balance", "", "cus_1")
        columns = item(balance, seen({"object": "cash_balance", "customer": "cus_1"}), "cus_1")
        path = "/v1/customers/cus_1/cash_balance"
        assert (columns["id"], columns["parent"], columns["customer"]) == (path, "cus_1", "cus_1")

    @pytest.mark.parametrize(
        ("type_name", "column", "expected"),
        [
            ("invoice", "parent", "sub_1"),
            ("promotion_code", "parent", "summer"),
            ("invoiceitem", "created", "2023-11-14T22:13:20.000Z"),
        ],
    )
    def test_finds_its_columns_deep_in_the_body(self, type_name: str, column: str, expected: str) -> None:
        body: JsonObject = {
            "id": "x",
            "parent": {"subscription_details": {"subscription": "sub_1"}},
            "promotion": {"coupon": {"id": "summer", "object": "coupon"}},
            "date": 1700000000,
            "created": 1,
        }
        assert item(ref_to(Scope(livemode=True), type_name, "x"), seen(body), None)[column] == expected

    @pytest.mark.parametrize("body", [None, {"id": "rcds_1", "deleted": True}])
    def test_is_not_made_of_a_deleted_object(self, body: JsonObject | None) -> None:
        with pytest.raises(ValueError, match="tombstone"):
            item(ref(), seen(body), None)


class TestATombstone:
    def test_says_that_the_object_is_deleted_and_which_fetch_showed_that(self) -> None:
        assert tombstone(seen(None), ref()) == {
            "id": "rcds_1",
            "type": "v2.billing.rate_card_subscription",
            "scope": "live",
            "fetched_at": "2024-11-26T16:33:03.250Z",
            "stripe_version": "2026-10-14.preview",
            "stripe_request_id": "req_1",
            "deleted": True,
        }

    def test_touches_neither_the_last_body_nor_any_index(self) -> None:
        kept = {"data", "data_z", "digest", *items.INDEX_COLUMNS}
        assert not tombstone(seen({"id": "rcds_1", "deleted": True}), ref()).keys() & kept

    def test_and_an_item_have_every_index_column_between_them(self) -> None:
        columns = item(ref(), seen(SUBSCRIPTION), "cus_1").keys()
        assert set(items.INDEX_COLUMNS) == columns - tombstone(seen(None), ref()).keys() - {
            "data",
            "digest",
        }


class TestALook:
    def test_records_the_fetch_and_has_no_index_column(self) -> None:
        assert marker(seen(SUBSCRIPTION), ref()) == {
            "id": "rcds_1",
            "type": "v2.billing.rate_card_subscription",
            "scope": "live",
            "fetched_at": "2024-11-26T16:33:03.250Z",
            "stripe_version": "2026-10-14.preview",
            "stripe_request_id": "req_1",
        }


class TestMembers:
    def test_are_read_back_as_they_were_stored(self) -> None:
        listed: dict[str, tuple[JsonObject, ...]] = {"rate": ({"id": "rcdr_2"}, {"id": "rcdr_1"}), "overage": ()}
        kept = item(ref("v2.billing.rate_card_version", "rcdv_1"), seen({"id": "rcdv_1"}, **listed), None)
        assert members_in(kept) == {"rate": {"rcdr_1", "rcdr_2"}, "overage": frozenset()}

    @pytest.mark.parametrize("members", [None, "rate", ["rate"], 1, {}, {"rate": "rcdr_1"}, {"rate": None}])
    def test_of_another_shape_are_none(self, members: Json) -> None:
        assert members_in({}) == members_in({"members": members}) == {}

    def test_drop_ids_that_are_not_strings(self) -> None:
        assert members_in({"members": {"rate": ["rcdr_1", 1, None, {}]}}) == {"rate": {"rcdr_1"}}


class TestAnObservation:
    @pytest.mark.parametrize(
        "body", [SUBSCRIPTION, {}, {"deleted": False}, {"deleted": None}, {"deleted": "true"}, {"deleted": 1}]
    )
    def test_shows_a_live_object(self, body: JsonObject) -> None:
        assert seen(body).live == body

    @pytest.mark.parametrize("body", [None, {"id": "cus_1", "deleted": True}])
    def test_has_no_live_body_where_the_object_is_deleted(self, body: JsonObject | None) -> None:
        assert seen(body).live is None
