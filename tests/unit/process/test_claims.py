"""An open claim says that a write is on its way, and an end for good closes it."""

import pytest

from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.core.table.mirror_state import Claim
from tests.doubles.samples import event, rate, subscription, subscription_event, version
from tests.unit.harness import Harness
from tests.unit.reconcile.scenarios import OBJECT_TYPE, at

REF = ref_to(Scope(livemode=False), OBJECT_TYPE.name, "rcds_1")
KEY = REF.key
FINAL = [PermanentError("Stripe answered 400"), Unauthorized("Stripe answered 403")]


async def test_a_claim_has_the_time_at_which_it_was_taken(stocked: Harness) -> None:
    stocked.stripe.failures = [TransientError("Stripe answered 500")]
    await stocked.deliver(subscription_event())
    assert stocked.mirror.counters[KEY] == Claim(1, stocked.clock.now())


@pytest.mark.parametrize("error", FINAL, ids=str)
async def test_a_message_that_is_quarantined_closes_its_claim(stocked: Harness, error: Exception) -> None:
    stocked.stripe.failures = [error]
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.QUARANTINED
    assert stocked.mirror.counters[KEY] == Claim(1, 0.0)


async def test_an_object_that_is_too_large_closes_its_claim(harness: Harness) -> None:
    home = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"
    harness.stripe.objects[home] = version()
    many = [rate(f"rcdr_{number:060}") for number in range(7000)]
    harness.stripe.lists["/v2/billing/rate_cards/rcd_1/rates?rate_card_version=rcdv_1"] = many
    [result] = await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=home))
    assert result.outcome is Outcome.QUARANTINED
    assert harness.mirror.counters["test#rcdv_1"] == Claim(1, 0.0)


async def test_an_unforeseen_error_closes_the_claim_of_the_last_receive_only(stocked: Harness) -> None:
    stocked.stripe.failures = [ValueError()] * 8
    await stocked.queue.send(subscription_event(), group="test")
    open_until_now = []
    for _ in range(8):
        await stocked.work()
        open_until_now.append(stocked.mirror.counters[KEY].claimed_at > 0)
        stocked.clock.advance(1000)
    assert open_until_now == [True] * 7 + [False]


async def test_a_claim_stays_open_while_one_of_its_messages_is_tried_again(stocked: Harness) -> None:
    stocked.stripe.failures = [ValueError()] * 8
    await stocked.queue.send(subscription_event(), group="test")
    for _ in range(7):
        await stocked.work()
        stocked.clock.advance(1000)
    results = await stocked.deliver(subscription_event("paused"))
    assert {result.outcome for result in results} == {Outcome.QUARANTINED, Outcome.POSTPONED}
    assert stocked.mirror.counters[KEY] == Claim(8, stocked.clock.now())


async def test_a_later_claim_stays_open(stocked: Harness) -> None:
    async def overtake(path: str) -> None:
        stocked.stripe.before_answer = None
        await stocked.mirror.claim(REF, stocked.clock.now())
        raise PermanentError(path)

    stocked.stripe.before_answer = overtake
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.QUARANTINED
    assert stocked.mirror.counters[KEY] == Claim(2, stocked.clock.now())


async def test_a_message_is_not_quarantined_before_its_claim_is_closed(stocked: Harness) -> None:
    async def break_down(path: str) -> None:
        stocked.mirror.down = True
        raise PermanentError(path)

    stocked.stripe.before_answer = break_down
    [result] = await stocked.deliver(subscription_event())
    assert (result.outcome, stocked.queue.quarantined) == (Outcome.POSTPONED, [])


@pytest.mark.parametrize("error", FINAL, ids=str)
async def test_a_run_repairs_what_a_quarantined_message_has_left(harness: Harness, error: Exception) -> None:
    at(harness, subscription("rcds_1"))
    harness.stripe.failures = [error]
    await harness.deliver(subscription_event())
    run = await harness.run_now(OBJECT_TYPE, job=Job.VERIFY)
    assert (run.status, run.counts.in_flight, run.counts.repaired) == (Status.COMPLETE, 0, 1)
    assert harness.item("rcds_1")["data"] == subscription("rcds_1")
