"""What cannot be done yet is tried again later: after an error, an outage, or the end of the time that there was."""

import asyncio

import pytest

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.process.batch import MAX_CONCURRENCY
from tests.doubles.samples import (
    cadence,
    subscription,
    subscription_event,
)
from tests.unit.harness import SUBSCRIPTION, Harness


@pytest.mark.parametrize(
    "error", [TransientError("busy", throttled=True), TransientError("down"), TransientError("wait", retry_after=90)]
)
async def test_what_may_pass_is_tried_again_later(stocked: Harness, error: TransientError) -> None:
    stocked.stripe.failures = [error]
    [result] = await stocked.deliver(subscription_event())
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, str(error))
    wait = stocked.queue.waiting[0].visible_at - stocked.clock.now()
    assert max(4, error.retry_after or 0) <= wait <= 90


async def test_an_outage_of_three_days_uses_up_less_than_a_thousand_receives(stocked: Harness) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    end = stocked.clock.now() + 3 * 86400
    receives = 0
    while stocked.clock.now() < end:
        stocked.stripe.failures = [TransientError("down")]
        receives += len(await stocked.work())
        stocked.clock.advance(60)
    stocked.stripe.failures = []
    stocked.clock.advance(900)
    [result] = await stocked.work()
    assert result.outcome is Outcome.STORED
    assert stocked.queue.quarantined == []
    assert receives < 1000 / 2


async def test_while_the_table_is_down_nothing_is_lost(stocked: Harness) -> None:
    stocked.mirror.down = True
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.POSTPONED
    stocked.mirror.down = False
    stocked.clock.advance(10)
    assert [one.outcome for one in await stocked.work()] == [Outcome.STORED]


async def test_another_object_than_the_requested_one_is_not_stored(stocked: Harness) -> None:
    stocked.stripe.objects[SUBSCRIPTION] = subscription("rcds_2")
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.POSTPONED
    assert (
        ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1").key not in stocked.mirror.objects
    )


async def test_an_object_of_the_other_mode_is_not_stored(stocked: Harness) -> None:
    stocked.stripe.objects[SUBSCRIPTION] = subscription(livemode=True)
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.POSTPONED
    assert "test#rcds_1" not in stocked.mirror.objects


async def test_what_is_not_done_in_time_is_tried_again(stocked: Harness) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    [result] = await stocked.work(seconds=0)
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "the function ran out of time")


async def test_an_answer_that_comes_too_late_is_not_waited_for(stocked: Harness) -> None:
    async def dawdle(_: str) -> None:
        await asyncio.sleep(60)

    stocked.stripe.before_answer = dawdle
    await stocked.queue.send(subscription_event(), group="test")
    [result] = await stocked.work(seconds=0.05)
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "the function ran out of time")


class TestABatchOfVeryManySubjects:
    MANY = 50

    async def send(self, harness: Harness) -> None:
        for number in range(self.MANY):
            one = subscription(f"rcds_{number}", billing_cadence=f"bc_{number}")
            harness.stripe.objects[f"/v2/billing/rate_card_subscriptions/rcds_{number}"] = one
            harness.stripe.objects[f"/v2/billing/cadences/bc_{number}"] = cadence(f"bc_{number}")
            await harness.queue.send(subscription_event(identifier=f"rcds_{number}"), group="test")

    async def test_ends_with_some_of_them_done_when_stripe_has_time_for_one_request_each(
        self, harness: Harness
    ) -> None:
        """Each takes two: with all of them at once, none would come to its end."""
        await self.send(harness)

        async def answer_some(_: str) -> None:
            if len(harness.stripe.requests) > self.MANY:
                await asyncio.sleep(60)

        harness.stripe.before_answer = answer_some
        results = await harness.work(seconds=0.5)
        assert {result.outcome for result in results} == {Outcome.STORED, Outcome.POSTPONED}

    async def test_is_worked_on_by_a_few_at_once_until_all_are_done(self, harness: Harness) -> None:
        await self.send(harness)
        running: list[str] = []
        most = 0

        async def count(path: str) -> None:
            nonlocal most
            running.append(path)
            most = max(most, len(running))
            await asyncio.sleep(0)
            running.remove(path)

        harness.stripe.before_answer = count
        results = await harness.work()
        assert [result.outcome for result in results] == [Outcome.STORED] * self.MANY
        assert 1 < most <= MAX_CONCURRENCY < self.MANY
