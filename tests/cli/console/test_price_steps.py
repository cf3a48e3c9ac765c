"""A tiered price as a step chart."""

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.views import Pricing, Tier, TieringMode
from billing_mirror_cli.console.price_steps import BOTTOM, RIGHT, TOP, draw_steps, price_of
from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import Cloud
from tests.doubles.samples import rate, rate_card, sample

TIERS = (
    Tier(Decimal(1000), Decimal("0.00025")),
    Tier(Decimal("50000.5"), Decimal("0.000125")),
    Tier(None, Decimal(0), Decimal(500)),
)


def test_each_tier_is_a_step_at_the_height_of_its_price() -> None:
    drawn = draw_steps(Pricing(TIERS), "eur")
    assert drawn is not None
    assert [step.y for step in drawn.steps] == [TOP, (TOP + BOTTOM) / 2, BOTTOM]
    assert [step.title for step in drawn.steps] == [
        "up to 1,000: €0.0000025 each",
        "above 1,000, up to 50,000.5: €0.00000125 each",
        "above 50,000.5: €0.00 each plus €5.00 flat",
    ]
    assert [tick.text for tick in drawn.quantities] == ["0", "1,000", "50,000.5"]
    assert [tick.text for tick in drawn.amounts] == ["€0.0000025", "€0.00000125", "€0.00"]
    assert drawn.steps[-1].right == RIGHT
    assert not drawn.of_all


def test_a_volume_price_is_that_of_all_units() -> None:
    drawn = draw_steps(Pricing(TIERS, TieringMode.VOLUME), "eur")
    assert drawn is not None
    assert drawn.of_all


def test_one_price_for_each_quantity_has_no_chart() -> None:
    assert draw_steps(Pricing(TIERS[-1:]), "eur") is None
    assert draw_steps(None, "eur") is None


@given(st.lists(st.integers(0, 10**24).map(lambda number: Decimal(number).scaleb(-12)), min_size=2, max_size=40))
def test_texts_never_cover_each_other(amounts: list[Decimal]) -> None:
    bounds = [Decimal(10**number) for number in range(len(amounts) - 1)]
    tiers = [Tier(bound, amount) for bound, amount in zip([*bounds, None], amounts, strict=True)]
    drawn = draw_steps(Pricing(tuple(tiers)), "usd")
    assert drawn is not None
    heights = [tick.at for tick in drawn.amounts]
    assert [b - a for a, b in itertools.pairwise(heights) if b - a < 12] == []
    edges = [(tick.at - 3 * len(tick.text), tick.at + 3 * len(tick.text)) for tick in drawn.quantities]
    assert [one for one, after in itertools.pairwise(edges) if one[1] > after[0]] == []


def test_a_rate_has_the_currency_of_its_card(cloud: Cloud, session: Session) -> None:
    cloud.put(rate_card("rcd_1", currency="gbp"))
    cloud.put(rate("rcdr_1", unit_amount="12.5"), parent="rcd_1")
    found = session.reader.get("rcdr_1")
    assert found is not None
    price = price_of(session.reader, found)
    assert price is not None
    assert (price.words, price.steps) == ("£0.125 each", None)


def test_an_object_without_a_price_has_none(cloud: Cloud, session: Session) -> None:
    cloud.put(sample("product", id="prod_1"))
    cloud.put(sample("price", id="price_1", unit_amount=None, unit_amount_decimal=None, custom_unit_amount={}))
    product, price = session.reader.get("prod_1"), session.reader.get("price_1")
    assert product is not None
    assert price is not None
    assert price_of(session.reader, product) is None
    shown = price_of(session.reader, price)
    assert shown is not None
    assert shown.words == "price_1 has no amount: the payer chooses it"
