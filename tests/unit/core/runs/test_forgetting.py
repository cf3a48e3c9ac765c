"""Requests to forget customers, whose object an item is, and notes of removals."""

import pytest

from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.forgetting import (
    MAX_CUSTOMERS,
    ForgetRequest,
    RemovalNote,
    customer_named,
    expires_at,
    forgotten_key,
)
from billing_mirror.core.table.items import Item

NOW = 1_700_000_000.0


def test_a_request_names_customers_once() -> None:
    request = ForgetRequest.parse({"job": "forget", "customers": ["cus_1", "ann@example.com", "cus_1"]})
    assert request == ForgetRequest(("cus_1", "ann@example.com"))


def test_a_request_continues_from_a_cursor() -> None:
    event = {"job": "forget", "customers": ["cus_1"], "cursor": '["a", "b"]'}
    assert ForgetRequest.parse(event).cursor == '["a", "b"]'


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "customers must be a list"),
        ({"customers": []}, "customers must be a list"),
        ({"customers": "cus_1"}, "customers must be a list"),
        ({"customers": [f"cus_{number}" for number in range(MAX_CUSTOMERS + 1)]}, "1 to 20 ids"),
        ({"customers": [1]}, "an id has characters"),
        ({"customers": [""]}, "an id has characters"),
        ({"customers": ["."]}, "dots"),
        ({"customers": ["cus_1"], "types": ["invoice"]}, "unknown member: types"),
        ({"customers": ["cus_1"], "cursor": 1}, "cursor must be a text"),
    ],
)
def test_a_request_that_says_something_unknown_is_refused(event: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{said}.*; nothing was removed"):
        ForgetRequest.parse({"job": "forget", **event})


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        ({"type": "customer", "id": "cus_1"}, None),
        ({"type": "v2.core.account", "id": "cus_1"}, None),
        ({"type": "invoice", "id": "in_1", "customer": "cus_1"}, None),
        ({"type": "invoice", "id": "in_1", "former_customer": "cus_1"}, None),
        ({"type": "cash_balance", "id": "/v1/customers/cus_1/cash_balance", "parent": "cus_1"}, None),
        ({"type": "invoice", "id": "in_1"}, {"customer": "cus_1"}),
        ({"type": "v2.billing.cadence", "id": "bc_1"}, {"payer": {"customer": "cus_1"}}),
        ({"type": "thing", "id": "x"}, {"customer": {"id": "cus_1"}}),
    ],
)
def test_whose_object_it_is(columns: Item, body: JsonObject | None) -> None:
    assert customer_named(columns, body, ["cus_2", "cus_1"]) == "cus_1"
    assert customer_named(columns, body, ["cus_2", "cus_11"]) is None


def test_a_parent_that_is_no_customer_makes_no_object_the_customers() -> None:
    assert customer_named({"type": "price", "id": "price_1", "parent": "cus_1"}, {}, ["cus_1"]) is None


def test_a_note_of_a_forgotten_customer_holds_no_id() -> None:
    assert "ann" not in forgotten_key("ann@example.com")
    assert forgotten_key("cus_1") != forgotten_key("cus_2")


@pytest.mark.parametrize("customer", ["cus_1", None])
def test_a_note_of_a_removal_is_read_as_it_was_written(customer: str | None) -> None:
    note = RemovalNote("invoice", "in_1" * 400, customer, NOW, NOW + 60)
    assert RemovalNote.from_item(note.to_item()) == note
    assert len(note.sort_key.encode()) < 1024


def test_the_last_body_expires_days_after_the_removal() -> None:
    note = RemovalNote("invoice", "in_1", "cus_1", NOW, NOW)
    assert expires_at(note, 3) == NOW + 3 * 86400
    assert expires_at(note, 0) is None
