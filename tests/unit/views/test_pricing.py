"""What a quantity costs: Stripe's own examples, each model by hand, and brute force, unit by unit."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.views import (
    LicenseFee,
    NotPriced,
    Packages,
    Price,
    Pricing,
    RateCardRate,
    Rounding,
    Tier,
    TieringMode,
    price,
)
from tests.doubles.samples import sample


def rate_of(**fields: Json) -> RateCardRate:
    return RateCardRate("rcdr_1", fields)


def price_of(**fields: Json) -> Price:
    return Price("price_1", fields)


TYPOGRAPHIC: list[Json] = [
    {"up_to": 5, "unit_amount": 700, "unit_amount_decimal": "700", "flat_amount": None},
    {"up_to": 10, "unit_amount": 650, "unit_amount_decimal": "650", "flat_amount": None},
    {"up_to": None, "unit_amount": 600, "unit_amount_decimal": "600", "flat_amount": None},
]
"""The fonts of https://docs.stripe.com/subscriptions/pricing-models/tiered-pricing, in cents."""


def typographic(mode: str) -> Price:
    return price_of(billing_scheme="tiered", tiers_mode=mode, tiers=TYPOGRAPHIC)


@pytest.mark.parametrize(("fonts", "dollars"), [(1, 7), (5, 35), (6, 39), (20, 120), (25, 150)])
def test_stripes_example_of_volume_tiers(fonts: int, dollars: int) -> None:
    assert price(typographic("volume"), fonts) == dollars * 100


@pytest.mark.parametrize(
    ("fonts", "dollars"), [(1, "7"), (5, "35"), (6, "41.5"), (10, "67.5"), (20, "127.5"), (25, "157.5")]
)
def test_stripes_example_of_graduated_tiers(fonts: int, dollars: str) -> None:
    assert price(typographic("graduated"), fonts) == Decimal(dollars) * 100


def test_a_price_per_unit() -> None:
    assert price(price_of(billing_scheme="per_unit", unit_amount=4900, unit_amount_decimal="4900"), 3) == 14700
    assert price(rate_of(unit_amount="0.2"), 1204331) == Decimal("240866.2")


def test_a_fixed_price_is_one_unit() -> None:
    assert price(price_of(billing_scheme="per_unit", unit_amount=4900), 1) == 4900


def test_a_price_of_less_than_a_cent_is_the_exact_one() -> None:
    assert price(
        price_of(billing_scheme="per_unit", unit_amount=None, unit_amount_decimal="0.033333333333"), 3
    ) == Decimal("0.099999999999")


def test_flat_amounts_count_once_for_each_tier_that_is_reached() -> None:
    tiers: list[Json] = [
        {"up_to_decimal": "10", "flat_amount": "250", "unit_amount": "1"},
        {"up_to_inf": "inf", "flat_amount": "40.5", "unit_amount": "0.5"},
    ]
    graduated = rate_of(tiering_mode="graduated", tiers=tiers)
    assert [price(graduated, units) for units in ("0", "10", "10.5")] == [250, 260, Decimal("300.75")]
    volume = rate_of(tiering_mode="volume", tiers=tiers)
    assert [price(volume, units) for units in ("0", "10", "10.5")] == [250, 260, Decimal("45.75")]


@pytest.mark.parametrize(
    ("rounding", "cents"),
    [("up", [0, 500, 500, 1000]), ("down", [0, 0, 500, 500])],
)
def test_packages(rounding: str, cents: list[int]) -> None:
    transform: Json = {"divide_by": 1000, "round": rounding}
    one = price_of(billing_scheme="per_unit", unit_amount=500, transform_quantity=transform)
    assert [price(one, units) for units in (0, 1, 1000, 1001)] == cents


def test_packages_of_v2_are_written_as_text() -> None:
    one = rate_of(unit_amount="500", transform_quantity={"divide_by": "1000", "round": "up"})
    assert price(one, "1000.000000000001") == 1000


def test_the_samples_have_prices() -> None:
    rate = RateCardRate("rcdr_1", sample("v2.billing.rate_card_rate"))
    # 12,500,000 tiles are 12,500 packages of a thousand: 10,000.5 in the first tier, 2,499.5 in the second.
    expected = Decimal("250.00") + Decimal("10000.5") * Decimal("0.041250000003") + Decimal("2499.5") * Decimal("0.029")
    assert price(rate, 12_500_000) == expected
    assert price(Price("price_1", sample("price")), 20_000) == 10_000 * Decimal("0.5") + 120 + 10_000 * Decimal("0.265")
    # 127 seats are 26 packages of five: all in the second tier.
    assert price(LicenseFee("licf_1", sample("v2.billing.license_fee")), 127) == 26 * Decimal("1650.333333333333")


@pytest.mark.parametrize(
    ("priced", "reason"),
    [
        (price_of(billing_scheme="per_unit", custom_unit_amount={"minimum": 1}), "the payer chooses it"),
        (price_of(billing_scheme="per_unit"), "no unit amount"),
        (price_of(billing_scheme="tiered", tiers_mode="volume"), "holds none of them"),
        (price_of(billing_scheme="tiered", tiers_mode="new", tiers=TYPOGRAPHIC), "unknown mode"),
        (price_of(billing_scheme="tiered", tiers_mode="volume", tiers=TYPOGRAPHIC[::-1]), "do not ascend"),
        (rate_of(custom_pricing_unit_amount={"id": "cpu_1", "value": "0.004"}), "custom pricing units"),
        (rate_of(), "no unit amount"),
        (
            rate_of(tiering_mode="volume", tiers=[{"up_to_decimal": "5", "unit_amount": "1"}]),
            "no price for more than 5",
        ),
    ],
)
def test_what_has_no_price_in_money_is_refused(priced: Price | RateCardRate, reason: str) -> None:
    with pytest.raises(NotPriced, match=reason):
        price(priced, 6)


@pytest.mark.parametrize("quantity", [-1, "-0.1", "many", "", "NaN", "Infinity", True, 0.5])
def test_a_quantity_that_is_none_is_refused(quantity: int | str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        price(rate_of(unit_amount="1"), quantity)


AMOUNTS = st.integers(0, 10**16).map(lambda units: Decimal(units).scaleb(-12))
STEP = Fraction(1, 4)
QUARTERS = st.integers(0, 400).map(lambda quarters: Decimal(quarters) / 4)


@st.composite
def pricings(draw: st.DrawFn) -> Pricing:
    ends = sorted(draw(st.sets(st.integers(1, 300).map(lambda quarters: Decimal(quarters) / 4), max_size=4)))
    tiers = tuple(Tier(end, draw(AMOUNTS), draw(AMOUNTS)) for end in [*ends, None])
    sizes = st.builds(Packages, st.integers(1, 30).map(Decimal), st.sampled_from(Rounding))
    return Pricing(tiers, draw(st.sampled_from(TieringMode)), draw(st.none() | sizes))


def counted(pricing: Pricing, quantity: Fraction) -> Fraction:
    """Packages are filled one after the other."""
    if pricing.packages is None:
        return quantity
    size, packages = Fraction(pricing.packages.size), 0
    while quantity >= size:
        quantity, packages = quantity - size, packages + 1
    return Fraction(packages + (1 if quantity and pricing.packages.rounding is Rounding.UP else 0))


def brute_force(pricing: Pricing, quantity: Fraction) -> Fraction:
    """Each quarter of a unit is put into its tier, and paid for alone."""
    units = counted(pricing, quantity)

    def tier_of(until: Fraction) -> Tier:
        return next(tier for tier in pricing.tiers if tier.up_to is None or until <= Fraction(tier.up_to))

    if pricing.mode is TieringMode.VOLUME:
        tier = tier_of(units)
        return sum((STEP * Fraction(tier.unit_amount) for _ in range(int(units / STEP))), Fraction(tier.flat_amount))
    total, reached = Fraction(0), [pricing.tiers[0]]
    for number in range(1, int(units / STEP) + 1):
        tier = tier_of(number * STEP)
        total += STEP * Fraction(tier.unit_amount)
        if tier is not reached[-1]:
            reached.append(tier)
    return total + sum(Fraction(tier.flat_amount) for tier in reached)


@given(pricings(), QUARTERS)
def test_a_price_is_what_brute_force_finds(pricing: Pricing, quantity: Decimal) -> None:
    assert Fraction(price(SimpleNamespace(pricing=pricing), quantity)) == brute_force(pricing, Fraction(quantity))


@given(AMOUNTS, st.integers(0, 10**27).map(lambda units: Decimal(units).scaleb(-12)))
def test_no_digit_is_lost(amount: Decimal, quantity: Decimal) -> None:
    found = price(rate_of(unit_amount=str(amount)), quantity)
    assert Fraction(found) == Fraction(amount) * Fraction(quantity)


@given(pricings(), QUARTERS)
def test_bodies_of_both_apis_are_read_as_the_same_pricing(pricing: Pricing, quantity: Decimal) -> None:
    transform: JsonObject = (
        {"transform_quantity": {"divide_by": str(pricing.packages.size), "round": pricing.packages.rounding}}
        if pricing.packages
        else {}
    )
    v2: list[Json] = [
        {
            "up_to_decimal": str(tier.up_to) if tier.up_to is not None else None,
            "up_to_inf": "inf" if tier.up_to is None else None,
            "unit_amount": str(tier.unit_amount),
            "flat_amount": str(tier.flat_amount),
        }
        for tier in pricing.tiers
    ]
    v1: list[Json] = [
        {
            "up_to": tier.up_to,
            "unit_amount": None,
            "unit_amount_decimal": str(tier.unit_amount),
            "flat_amount": None,
            "flat_amount_decimal": str(tier.flat_amount),
        }
        for tier in pricing.tiers
    ]
    expected = price(SimpleNamespace(pricing=pricing), quantity)
    assert price(rate_of(tiering_mode=pricing.mode, tiers=v2, **transform), quantity) == expected
    assert (
        price(price_of(billing_scheme="tiered", tiers_mode=pricing.mode, tiers=v1, **transform), quantity) == expected
    )
