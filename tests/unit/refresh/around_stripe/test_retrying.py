"""Requests of a run to Stripe that are tried again, and counted."""

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import TransientError
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.around_stripe.retrying import PAUSES, RetryingStripe
from tests.doubles.clock import ManualClock
from tests.doubles.stripe import MemoryStripe

REQUEST = StripeRequest("/v1/products/prod_1", ApiChannel.GA, context=None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(0.0)


@pytest.fixture
def stripe() -> MemoryStripe:
    return MemoryStripe(objects={REQUEST.path: {"id": "prod_1", "object": "product"}})


async def test_every_try_counts_as_a_request(clock: ManualClock, stripe: MemoryStripe) -> None:
    stripe.failures = [TransientError("busy")] * len(PAUSES)
    retrying = RetryingStripe(stripe, clock)
    assert (await retrying.get(REQUEST)).body["id"] == "prod_1"
    assert retrying.sent == len(stripe.requests) == len(PAUSES) + 1
    assert clock.now() == sum(PAUSES)


async def test_the_last_failure_is_reported(clock: ManualClock, stripe: MemoryStripe) -> None:
    stripe.failures = [TransientError(f"busy {number}") for number in range(len(PAUSES) + 1)]
    with pytest.raises(TransientError, match=f"busy {len(PAUSES)}"):
        await RetryingStripe(stripe, clock).get(REQUEST)


async def test_the_pause_that_stripe_asks_for_is_kept(clock: ManualClock, stripe: MemoryStripe) -> None:
    stripe.failures = [TransientError("busy", retry_after=5.0)]
    await RetryingStripe(stripe, clock).get(REQUEST)
    assert clock.now() == 5.0


async def test_a_pause_that_would_hold_up_the_run_is_not_waited_for(clock: ManualClock, stripe: MemoryStripe) -> None:
    stripe.failures = [TransientError("busy", retry_after=PAUSES[-1] + 0.1)]
    with pytest.raises(TransientError):
        await RetryingStripe(stripe, clock).get(REQUEST)
    assert clock.now() == 0.0
