"""The flows between doubles, for every test of a flow."""

import pytest

from tests.doubles.samples import cadence, subscription
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def stocked(harness: Harness) -> Harness:
    """Stripe has a subscription and its cadence, and nothing is mirrored yet."""
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence()}
    return harness
