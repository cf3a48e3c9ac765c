"""Which fields does a request name, and which of them does an error refuse?"""

import pytest

from billing_mirror.core.stripe_api.optional_fields import plain, refused, requested, without

NAMES = ("tiers", "currency_options", "items.data.discounts")
OF_A_LIST = ("data.tiers", "data.currency_options")
PAGE = "/v1/prices?limit=100&expand%5B0%5D=data.tiers&expand[1]=data.currency_options&active=true"


def test_a_request_names_fields_in_its_query_too() -> None:
    assert requested("/v1/prices/price_1", NAMES) == NAMES
    assert requested(PAGE, ()) == OF_A_LIST
    assert requested("/v2/billing/cadences?include[0]=settings_data&limit=1", ()) == ("settings_data",)
    assert requested("/v1/prices?expander[0]=a&active=true", ()) == ()


@pytest.mark.parametrize(
    ("param", "text", "expected"),
    [
        ("expand", "This property cannot be expanded (tiers).", {"tiers"}),
        ("", "This property cannot be expanded (tiers).", {"tiers"}),
        ("", "This property cannot be expanded because it doesn't exist: currency_options.", {"currency_options"}),
        ("expand[1]", "Not available.", {"currency_options"}),
        ("include.0", "Not available.", {"tiers"}),
        ("expand[7]", "Not available.", set(NAMES)),
        ("", "This property cannot be expanded (discounts).", {"items.data.discounts"}),
        ("", "This property cannot be expanded (items.data.discounts).", {"items.data.discounts"}),
        ("", "This property cannot be expanded (data).", {"items.data.discounts"}),
        ("expand", "You have expanded too much.", set(NAMES)),
        ("", "You cannot expand more than four levels of a property.", set(NAMES)),
        ("include", "", set(NAMES)),
        ("", "The include tiers and currency_options need the preview.", {"tiers", "currency_options"}),
        ("customer", "This property cannot be expanded (tiers).", set()),
        ("", "No such price: 'price_1'", set()),
        ("expanded", "tiers", set()),
    ],
)
def test_an_error_refuses_what_it_names_or_all(param: str, text: str, expected: set[str]) -> None:
    assert refused(NAMES, param, text) == expected


@pytest.mark.parametrize("text", ["This property cannot be expanded (tiers).", "Try expanding 'data.tiers' instead."])
def test_an_error_may_name_the_fields_of_a_list_either_way(text: str) -> None:
    assert refused(OF_A_LIST, "expand", text) == {"data.tiers"}


def test_nothing_is_returned_that_the_request_does_not_name() -> None:
    assert refused(NAMES, "expand", "jo@example.com (secret) tiers") <= {*NAMES}


def test_only_the_refused_fields_leave_the_query() -> None:
    assert without(PAGE, {"data.tiers"}) == "/v1/prices?limit=100&expand%5B1%5D=data.currency_options&active=true"
    assert without("/v1/prices?expand[0]=data.tiers", {"data.tiers"}) == "/v1/prices"
    assert without("/v1/prices?q=a%20b", {"a b"}) == "/v1/prices?q=a%20b", "it names none"
    assert (
        without("/v1/prices?name=data.tiers&expand[0]=x", {"data.tiers"})
        == "/v1/prices?name=data.tiers&expand%5B0%5D=x"
    )


def test_a_field_of_a_list_is_the_object_s() -> None:
    assert plain(["data.tiers", "tiers", "discounts"]) == ("discounts", "tiers")
