"""Requests keep to the rate, whatever their results."""

import asyncio

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound, TransientError
from billing_mirror.core.rate_limiter import RateLimiter
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.refresh.rate_limited import RateLimitedStripe
from tests.doubles.clock import ManualClock
from tests.doubles.stripe import MemoryStripe

GOLD = "/v1/products/gold"


class Counter:
    """Stripe with one product, behind a limit of ten requests a second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stripe = MemoryStripe()
        self.stripe.objects[GOLD] = {"id": "gold", "object": "product"}
        self.limited = RateLimitedStripe(self.stripe, self.clock, RateLimiter(10.0))

    async def get_product(self, path: str = GOLD) -> StripeResponse:
        return await self.limited.get(StripeRequest(path, ApiChannel.GA, context=None))


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_concurrent_requests_keep_to_the_rate(counter: Counter) -> None:
    started = counter.clock.now()
    await asyncio.gather(*(counter.get_product() for _ in range(11)))
    assert counter.clock.now() - started == pytest.approx(1.0)


async def test_a_failed_request_counts_against_the_rate_too(counter: Counter) -> None:
    started = counter.clock.now()
    for _ in range(11):
        with pytest.raises(NotFound):
            await counter.get_product("/v1/products/silver")
    assert counter.clock.now() - started == pytest.approx(1.0)


async def test_a_429_halves_the_rate(counter: Counter) -> None:
    counter.stripe.failures = [TransientError("Stripe answered 429", throttled=True)]
    with pytest.raises(TransientError):
        await counter.get_product()
    started = counter.clock.now()
    for _ in range(11):
        await counter.get_product()
    assert counter.clock.now() - started == pytest.approx(0.1 + 10 * 0.2)


async def test_a_failure_other_than_429_keeps_the_rate(counter: Counter) -> None:
    counter.stripe.failures = [TransientError("Stripe answered 500")]
    with pytest.raises(TransientError):
        await counter.get_product()
    started = counter.clock.now()
    for _ in range(11):
        await counter.get_product()
    assert counter.clock.now() - started == pytest.approx(1.1)


async def test_a_response_says_when_the_next_request_may_start(counter: Counter) -> None:
    started = counter.clock.now()
    assert (await counter.get_product()).next_at == pytest.approx(started + 0.1)


async def test_after_a_slow_answer_the_next_request_may_start_at_once(counter: Counter) -> None:
    async def dawdle(path: str) -> None:  # noqa: ARG001
        counter.clock.advance(5.0)

    counter.stripe.before_answer = dawdle
    assert (await counter.get_product()).next_at == counter.clock.now()
