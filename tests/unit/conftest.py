"""The flows between doubles, for every test of a flow."""

import pytest

from tests.doubles.samples import cadence, subscription
from tests.unit.harness import CADENCE, SUBSCRIPTION, House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def stocked(house: House) -> House:
    """Stripe has a subscription and its cadence, and nothing is mirrored yet."""
    house.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence()}
    return house
