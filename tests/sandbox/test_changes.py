"""Changes end to end: what Stripe announces comes out on the stack's own bus."""

import pytest

from dev.sandbox.listener import PAST_DUE, Listener
from docs.change_schema import validated

from .conftest import Bundle, Shop, eventually


@pytest.fixture(scope="module")
def past_due(deployed: Bundle) -> Listener:
    return Listener(deployed.endpoints, "past-due", PAST_DUE)


def test_a_subscription_that_becomes_past_due_is_announced(bundle: Bundle, shop: Shop, past_due: Listener) -> None:
    subscription = shop.subscription()
    bundle.stripe.transition(subscription, "active")
    assert eventually(lambda: bundle.reader.get(subscription)), "or one fetch would show both changes"
    bundle.stripe.transition(subscription, "past_due")
    assert bundle.stripe.settle(60)
    found = eventually(past_due.received)
    detail = found[-1]["detail"]
    assert isinstance(detail, dict)
    shown = validated(detail)
    assert (shown["id"], shown["scope"]) == (subscription, "test")
    assert isinstance(shown["customer"], str), "a subscription names no customer; its cadence does"
    assert {"path": "/collection_status", "before": "current", "after": "past_due"} in shown["changed"]  # type: ignore[operator]
