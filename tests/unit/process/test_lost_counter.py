"""A counter behind its object's token, deleted by hand or not restored, is raised: no event ends unstored."""

from math import inf

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.core.table.mirror_state import NO_EVENTS, LastEvents
from billing_mirror.reconcile.jobs.dry_run import dry_run_dependencies
from billing_mirror.refresh.claims import BEHIND
from tests.doubles.mirror import MemoryMirror
from tests.doubles.runs import run_now
from tests.doubles.samples import cadence, event, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness
from tests.unit.reconcile.scenarios import OBJECT_TYPE, at

KEY = "test#rcds_1"


async def _mirrored(harness: Harness, times: int = 7) -> None:
    """Both sides have the subscription; its item has a token of ``times``."""
    at(harness, subscription("rcds_1"))
    for _ in range(times):
        await harness.deliver(subscription_event())
        harness.clock.advance(100)
    assert harness.item("rcds_1")["token"] == times


def _change(harness: Harness) -> None:
    at(harness, subscription("rcds_1", collection_status="past_due"))


@pytest.mark.parametrize("times", [1, 2, 7])
async def test_an_event_is_stored_although_the_counter_is_lost(harness: Harness, times: int) -> None:
    await _mirrored(harness, times)
    del harness.mirror.counters[KEY]
    _change(harness)
    [result] = await harness.deliver(subscription_event("past_due"))
    assert result.outcome is Outcome.STORED
    assert harness.item("rcds_1")["collection_status"] == "past_due"
    assert harness.mirror.counters[KEY].claimed == harness.item("rcds_1")["token"]


async def test_a_deletion_is_stored_although_the_counter_is_lost(harness: Harness) -> None:
    await _mirrored(harness)
    del harness.mirror.counters[KEY]
    del harness.stripe.objects[SUBSCRIPTION]
    [result] = await harness.deliver(subscription_event("canceled", at=harness.clock.now() - 90))
    assert result.outcome is Outcome.REMOVED


async def test_a_run_repairs_an_object_whose_counter_is_lost(harness: Harness) -> None:
    await _mirrored(harness)
    del harness.mirror.counters[KEY]
    _change(harness)
    run = await harness.run_now(OBJECT_TYPE, job=Job.VERIFY)
    counts = run.counts
    assert (run.status, counts.repaired, counts.false_alarms, counts.unresolved) == (Status.COMPLETE, 1, 0, 0)
    assert harness.item("rcds_1")["collection_status"] == "past_due"
    again = await harness.run_now(OBJECT_TYPE, job=Job.VERIFY)
    assert (again.counts.found, again.counts.false_alarms, again.counts.equal) == (0, 0, 1)


async def test_a_write_from_before_the_loss_does_not_win(harness: Harness) -> None:
    """The counter is raised above every token that may be in flight without it."""
    await _mirrored(harness)
    slow = dict(harness.item("rcds_1"))
    del harness.mirror.counters[KEY]
    _change(harness)
    [result] = await harness.deliver(subscription_event("past_due"))
    assert result.outcome is Outcome.STORED
    ref = result.item.ref
    assert ref is not None
    assert not await harness.mirror.put(ref, 12, slow)


async def test_an_object_restored_during_the_fetch_is_tried_again(harness: Harness) -> None:
    await _mirrored(harness)
    restored = harness.mirror.objects.pop(KEY)
    del harness.mirror.counters[KEY]
    _change(harness)

    async def restore(_: str) -> None:
        harness.mirror.objects[KEY] = restored

    harness.stripe.before_answer = restore
    [result] = await harness.deliver(subscription_event("past_due"))
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, BEHIND)
    harness.clock.advance(1000)
    [result] = await harness.work()
    assert result.outcome is Outcome.STORED
    assert harness.item("rcds_1")["collection_status"] == "past_due"


async def test_a_token_that_was_given_twice_supersedes_nothing(harness: Harness) -> None:
    at(harness, subscription("rcds_1"))

    async def lose(path: str) -> None:
        """Another worker gets the same token, and writes first what it read before."""
        if path != SUBSCRIPTION:
            return
        harness.stripe.before_answer = None
        del harness.mirror.counters[KEY]
        harness.clock.advance(1)
        await harness.deliver(subscription_event())
        harness.clock.advance(1)

    harness.stripe.before_answer = lose
    await harness.queue.send(subscription_event(), group="test")
    [result] = await harness.work()
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, BEHIND)


async def test_a_counter_that_is_lost_again_and_again_ends_in_another_try(harness: Harness) -> None:
    class Losing(MemoryMirror):
        async def claim(
            self,
            ref: object,  # noqa: ARG002
            now: float,  # noqa: ARG002
            events: LastEvents = NO_EVENTS,  # noqa: ARG002
            *,
            unless_since: float = inf,  # noqa: ARG002
        ) -> tuple[int, LastEvents]:
            return 1, NO_EVENTS

    await _mirrored(harness)
    losing = Losing()
    losing.objects = harness.mirror.objects
    harness.mirror = losing
    [result] = await harness.deliver(subscription_event("past_due"))
    assert (result.outcome, BEHIND in result.reason) == (Outcome.POSTPONED, True)


async def test_an_owner_whose_tombstone_outlived_its_counter_is_mirrored(harness: Harness) -> None:
    harness.stripe.show_previews()
    await harness.deliver(event("v2.billing.cadence.canceled", cadence(), url=CADENCE, at=1_600_000_000))
    harness.clock.advance(100)
    assert harness.item("bc_1")["deleted"] is True
    del harness.mirror.counters["test#bc_1"]
    at(harness, subscription("rcds_1"))
    await harness.deliver(subscription_event())
    harness.clock.advance(1000)
    await harness.work()
    assert harness.item("rcds_1")["customer"] == "cus_1"
    assert harness.item("bc_1")["data"] == cadence()


async def test_a_dry_run_raises_no_counter(harness: Harness) -> None:
    await _mirrored(harness)
    del harness.mirror.counters[KEY]
    _change(harness)
    run = await run_now(
        OBJECT_TYPE, dry_run_dependencies(harness.reconcile_dependencies), job=Job.VERIFY, seconds=100.0
    )
    assert (run.status, run.counts.repaired, harness.mirror.counters.get(KEY)) == (Status.COMPLETE, 1, None)
