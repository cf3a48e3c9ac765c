"""A write whose answer was lost is repeated and refused: its token tells that it was stored."""

import itertools
from dataclasses import replace

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult
from tests.doubles.repeating import Repetition, repeating
from tests.doubles.samples import subscription, subscription_event
from tests.unit.harness import SUBSCRIPTION, Harness


async def _work(harness: Harness, repetition: Repetition) -> list[MessageResult]:
    """One batch, with one write made twice."""
    dependencies = harness.process_dependencies
    ports = replace(dependencies.ports, mirror=repeating(harness.mirror, repetition))
    return await process_batch(
        harness.queue.receive(10), replace(dependencies, ports=ports), deadline=harness.clock.now() + 50
    )


async def test_whichever_write_is_repeated_the_object_counts_as_stored(stocked: Harness) -> None:
    for nth in itertools.count(1):
        stocked.stripe.objects[SUBSCRIPTION] = subscription(lookup_key=str(nth))
        await stocked.queue.send(subscription_event(), group="test")
        repetition = Repetition(nth)
        [result] = await _work(stocked, repetition)
        assert (result.outcome, result.stored_at) == (Outcome.STORED, stocked.clock.now())
        assert stocked.item("rcds_1")["data"] == subscription(lookup_key=str(nth))
        stocked.clock.advance(100)
        stocked.queue.waiting.clear()
        if not repetition.was_made:
            assert nth > 2
            break


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_repeated_tombstone_counts_as_removed(stocked: Harness, nth: int) -> None:
    stocked.stripe.show_previews()
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[SUBSCRIPTION]
    stocked.clock.advance(1000)
    await stocked.queue.send(subscription_event("canceled", at=stocked.clock.now() - 100), group="test")
    [result] = await _work(stocked, Repetition(nth))
    assert result.outcome is Outcome.REMOVED


async def test_an_unchanged_object_whose_write_is_repeated_counts_as_unchanged(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    stocked.clock.advance(100)
    await stocked.queue.send(subscription_event(), group="test")
    [result] = await _work(stocked, Repetition(2))
    assert result.outcome is Outcome.UNCHANGED


async def test_a_write_that_lost_against_another_one_stays_superseded(stocked: Harness) -> None:
    async def overtake(path: str) -> None:
        if path != SUBSCRIPTION:
            return
        stocked.stripe.before_answer = None
        await stocked.deliver(subscription_event("paused"))

    await stocked.queue.send(subscription_event(), group="test")
    stocked.stripe.before_answer = overtake
    [result] = await stocked.work()
    assert result.outcome is Outcome.SUPERSEDED
