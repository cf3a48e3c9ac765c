"""Requests keep to the shared budget, whatever their results."""

import asyncio

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound, TransientError
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.budget import (
    ACCOUNT,
    BUDGET_PARTITION,
    BUDGET_SORT_KEY,
    DECREASE,
    LONG_WAIT,
    Budget,
    Limits,
)
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.refresh.around_stripe.rate_limited import PAUSE, RateLimitedStripe
from billing_mirror.refresh.around_stripe.shared_budget import ALONE_FOR, SharedBudget
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe
from tests.doubles.virtual_time import VirtualClock, in_virtual_time

GOLD = "/v1/products/gold"
ENDPOINT = "/v1/products/{id}"
TEST = Scope(livemode=False)
LIMITS = Limits(account=100.0, endpoint=10.0, reconcile=5.0)


class Containers:
    """Stripe with one product, and a table whose budget allows ten requests a second of its endpoint."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.state_store = MemoryStateStore()
        self.stripe = MemoryStripe()
        self.stripe.objects[GOLD] = {"id": "gold", "object": "product"}
        self.times_alone = 0
        self.first = self.start()

    def start(self, *, of_reconcile: bool = False, tries_again: bool = False) -> RateLimitedStripe:
        """A container that has just started."""
        budget = SharedBudget(
            self.state_store,
            TEST,
            self.clock,
            LIMITS,
            containers=5,
            of_reconcile=of_reconcile,
            on_alone=self._count_alone,
        )
        return RateLimitedStripe(self.stripe, self.clock, budget, tries_again=tries_again)

    def _count_alone(self) -> None:
        self.times_alone += 1

    async def get(self, container: RateLimitedStripe | None = None, path: str = GOLD) -> StripeResponse:
        return await (container or self.first).get(StripeRequest(path, ApiChannel.GA, context=None))

    async def seconds(self, count: int, *containers: RateLimitedStripe) -> float:
        """How long it takes until each container has started so many requests."""
        started = self.clock.now()
        await asyncio.gather(*(self.get(one) for one in containers or (self.first,) for _ in range(count)))
        return self.clock.now() - started

    def stored(self) -> Budget:
        return Budget.from_item(self.state_store.partitions[f"{TEST}#{BUDGET_PARTITION}"][BUDGET_SORT_KEY])


@pytest.fixture
def containers() -> Containers:
    return Containers()


@in_virtual_time
async def test_concurrent_requests_keep_to_the_rate(containers: Containers) -> None:
    assert await containers.seconds(11) == pytest.approx(1.0, abs=0.05)


@in_virtual_time
async def test_containers_share_the_rate(containers: Containers) -> None:
    assert await containers.seconds(10, containers.first, containers.start()) >= 1.89


@in_virtual_time
async def test_one_busy_container_gets_the_whole_rate(containers: Containers) -> None:
    assert await containers.seconds(31) <= 1.1 * 3.0 + 0.5


@in_virtual_time
async def test_a_request_after_a_rest_costs_one_write_and_waits_for_nothing(containers: Containers) -> None:
    assert await containers.seconds(1) == 0.0
    assert containers.stored().version == 1


@in_virtual_time
async def test_a_request_that_fails_counts_too(containers: Containers) -> None:
    started = containers.clock.now()
    for _ in range(11):
        with pytest.raises(NotFound):
            await containers.get(path="/v1/products/silver")
    assert containers.clock.now() - started >= 1.0


@pytest.mark.parametrize(("reason", "bucket"), [("endpoint-rate", ENDPOINT), ("", ENDPOINT), ("global-rate", ACCOUNT)])
@in_virtual_time
async def test_a_429_slows_down_what_it_is_about_for_all_containers(
    containers: Containers, reason: str, bucket: str
) -> None:
    containers.stripe.failures = [TransientError("Stripe answered 429", throttled=True, limited_by=reason)]
    with pytest.raises(TransientError):
        await containers.get()
    await containers.get()
    now = containers.clock.now()
    slowed = {name for name, one in containers.stored().buckets.items() if one.slowed_at}
    assert slowed == {bucket}
    limit = LIMITS.of_bucket(bucket)
    assert containers.stored().buckets[bucket].rate(limit, now) == pytest.approx(DECREASE * limit, rel=0.05)


@in_virtual_time
async def test_a_429_is_tried_once_more_after_a_moment(containers: Containers) -> None:
    refusal = TransientError("Stripe answered 429", throttled=True)
    container = containers.start(tries_again=True)
    containers.stripe.failures = [refusal]
    started = containers.clock.now()
    assert (await containers.get(container)).body["id"] == "gold"
    assert containers.clock.now() - started == pytest.approx(PAUSE, abs=0.2)
    containers.stripe.failures = [refusal, refusal]
    with pytest.raises(TransientError):
        await containers.get(container)
    assert containers.stripe.failures == []


@pytest.mark.parametrize(
    "error", [TransientError("Stripe answered 500"), TransientError("busy", throttled=True, retry_after=60.0)]
)
@in_virtual_time
async def test_nothing_else_is_tried_again(containers: Containers, error: TransientError) -> None:
    containers.stripe.failures = [error]
    with pytest.raises(TransientError):
        await containers.get(containers.start(tries_again=True))


@in_virtual_time
async def test_a_failure_other_than_429_slows_nothing_down(containers: Containers) -> None:
    containers.stripe.failures = [TransientError("Stripe answered 500")]
    with pytest.raises(TransientError):
        await containers.get()
    await containers.get()
    assert not any(one.slowed_at for one in containers.stored().buckets.values())


@in_virtual_time
async def test_without_the_table_a_container_keeps_to_its_share(containers: Containers) -> None:
    containers.state_store.down = True
    share = LIMITS.static_share(5, of_reconcile=False).endpoint
    assert await containers.seconds(5) == pytest.approx(4 / share, rel=0.3)
    assert containers.times_alone >= 1


@in_virtual_time
async def test_the_table_is_tried_again_after_a_while(containers: Containers) -> None:
    containers.state_store.down = True
    await containers.get()
    containers.state_store.down = False
    await asyncio.sleep(ALONE_FOR)
    await containers.get()
    assert (containers.times_alone, containers.stored().version) == (1, 1)


@in_virtual_time
async def test_reconcile_comes_after_live_traffic_and_not_never(containers: Containers) -> None:
    reconcile = containers.start(of_reconcile=True)
    await asyncio.gather(*(containers.get() for _ in range(10)))
    far = containers.stored()
    ahead = far.buckets[ENDPOINT].next_at - containers.clock.now()
    assert await containers.seconds(1, reconcile) <= LONG_WAIT + ahead + 1.0


@in_virtual_time
async def test_a_response_says_when_the_next_request_of_reconcile_may_start(containers: Containers) -> None:
    reconcile = containers.start(of_reconcile=True)
    started = containers.clock.now()
    assert (await containers.get(reconcile)).next_at == pytest.approx(started + 1 / LIMITS.reconcile)


@in_virtual_time
async def test_after_a_slow_answer_the_next_request_may_start_at_once(containers: Containers) -> None:
    async def dawdle(path: str) -> None:  # noqa: ARG001
        await asyncio.sleep(5.0)

    containers.stripe.before_answer = dawdle
    assert (await containers.get()).next_at == containers.clock.now()


@in_virtual_time
async def test_a_cancelled_request_takes_no_other_with_it(containers: Containers) -> None:
    tasks = [asyncio.ensure_future(containers.get()) for _ in range(3)]
    await asyncio.sleep(0.05)
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, StripeResponse) for one in answers] == [True, False, True]
