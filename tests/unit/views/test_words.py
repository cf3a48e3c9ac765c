"""Prices and amounts in words."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.json_body import Json
from billing_mirror.views import LicenseFee, Price, RateCardRate, money
from tests.doubles.samples import sample

FREE_THEN: list[Json] = [{"up_to_decimal": "1000", "unit_amount": "0"}, {"up_to_inf": "inf", "unit_amount": "0.2"}]
STORAGE: list[Json] = [
    {"up_to_decimal": "1000", "unit_amount": "10"},
    {"up_to_decimal": "10000", "unit_amount": "8"},
    {"up_to_inf": "inf", "unit_amount": "5", "flat_amount": "2000"},
]
PACKAGES: Json = {"divide_by": "1000", "round": "up"}


def rate_of(**fields: Json) -> RateCardRate:
    return RateCardRate("rcdr_1", fields)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (rate_of(unit_amount="0.2"), "$0.002 each"),
        (rate_of(unit_amount="0.2", metered_item={"unit_label": "call"}), "$0.002 per call"),
        (rate_of(unit_amount="0"), "free"),
        (rate_of(tiering_mode="graduated", tiers=FREE_THEN), "first 1,000 free, then $0.002 each"),
        (
            rate_of(tiering_mode="graduated", tiers=STORAGE, metered_item={"unit_label": "GB"}),
            "first 1,000 $0.10 per GB, next 9,000 $0.08 per GB, then $0.05 per GB plus $20.00 flat",
        ),
        (
            rate_of(tiering_mode="volume", tiers=STORAGE),
            "for all units: $0.10 each up to 1,000, $0.08 each up to 10,000, $0.05 each plus $20.00 flat above 10,000",
        ),
        (rate_of(unit_amount="500", transform_quantity=PACKAGES), "$5.00 per started 1,000"),
        (
            rate_of(
                unit_amount="500",
                transform_quantity={"divide_by": "1000", "round": "down"},
                metered_item={"unit_label": "calls"},
            ),
            "$5.00 per full 1,000 calls",
        ),
        (
            rate_of(tiering_mode="graduated", tiers=FREE_THEN, transform_quantity=PACKAGES),
            "in packages, one per started 1,000: first 1,000 free, then $0.002 per package",
        ),
        (rate_of(tiering_mode="graduated", tiers=FREE_THEN[:1]), "free, up to 1,000"),
    ],
)
def test_a_rate_in_words(rate: RateCardRate, words: str) -> None:
    assert rate.words("usd") == words


def test_prices_and_license_fees_know_their_currency() -> None:
    assert Price("price_1", sample("price")).words() == "first 10,000 $0.005 each, then $0.00265 each plus $1.20 flat"
    fee = LicenseFee("licf_1", {"currency": "eur", "unit_amount": "1900", "licensed_item": {"unit_label": "seat"}})
    assert fee.words() == "€19.00 per seat"


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("4900", "usd", "$49.00"),
        ("0.2", "usd", "$0.002"),
        ("123456789", "eur", "€1,234,567.89"),
        ("4900", "chf", "49.00 CHF"),
        ("500", "jpy", "500 JPY"),
        ("0.5", "jpy", "0.5 JPY"),
        ("5124", "kwd", "5.124 KWD"),
        ("500", "isk", "5.00 ISK"),
        ("-1500", "gbp", "-£15.00"),
        ("0", "usd", "$0.00"),
        ("1E+5", "usd", "$1,000.00"),
        ("100", "", "1.00"),
    ],
)
def test_an_amount_in_words(amount: str, currency: str, words: str) -> None:
    assert money.words(Decimal(amount), currency) == words


@given(
    st.integers(-(10**27), 10**27).map(lambda units: Decimal(units).scaleb(-12)),
    st.sampled_from(["usd", "jpy", "kwd", "chf"]),
)
def test_no_digit_is_lost_in_words(amount: Decimal, currency: str) -> None:
    digits = "".join(one for one in money.words(amount, currency) if one in "-.0123456789")
    assert Decimal(digits).scaleb(money.minor_digits(currency)) == amount
