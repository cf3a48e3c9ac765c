"""What becomes of objects that a person wants to be fetched."""

from collections.abc import Sequence

import pytest

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.objects_request import ObjectsRequest
from billing_mirror.core.stripe_api.account import SENTENCE
from billing_mirror.reconcile.jobs.refresh_objects import NO_PARENT, NO_SUCH_OBJECT, OUT_OF_TIME
from billing_mirror.reconcile.report import ObjectsReport
from billing_mirror.reconcile.tick import reconcile
from billing_mirror.refresh.around_stripe.account import OWN_ACCOUNT
from tests.doubles.samples import cadence, subscription
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

SCOPE = Scope(livemode=False)
REF = ref_to(SCOPE, "v2.billing.rate_card_subscription", "rcds_1")
RATE = ref_to(SCOPE, "v2.billing.rate_card_rate", "rcdr_1")


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.stripe.objects = {SUBSCRIPTION: subscription("rcds_1"), CADENCE: cadence()}
    return harness


async def refreshed(harness: Harness, refs: Sequence[ObjectRef] = (REF,), *, seconds: float = 100.0) -> ObjectsReport:
    request = ObjectsRequest(tuple(refs))
    report = await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + seconds)
    assert isinstance(report, ObjectsReport)
    return report


async def test_an_object_is_fetched_and_stored_with_its_customer(harness: Harness) -> None:
    report = await refreshed(harness)
    assert report.answer() == {
        "result": "complete",
        "objects": [{"id": "rcds_1", "type": REF.type, "outcome": "stored", "reason": ""}],
    }
    assert (harness.item("rcds_1")["data"], harness.item("rcds_1")["customer"]) == (subscription("rcds_1"), "cus_1")


async def test_a_second_refresh_stores_the_same_state_under_a_newer_token(harness: Harness) -> None:
    await refreshed(harness)
    [again] = (await refreshed(harness)).objects
    assert (again.outcome, harness.item("rcds_1")["token"]) == (Outcome.UNCHANGED, 2)


async def test_no_claim_stays_open(harness: Harness) -> None:
    harness.stripe.failures = [TransientError("Stripe answered 500")] * 10
    [failed] = (await refreshed(harness)).objects
    assert (failed.outcome, failed.reason) == (None, "Stripe answered 500")
    claims = await harness.mirror.claims([REF])
    assert claims[REF.key].claimed_at == 0.0, "a run that looks next must not wait for this fetch"


async def test_a_mirrored_object_that_stripe_no_longer_has_is_removed(harness: Harness) -> None:
    harness.stripe.show_previews()
    await refreshed(harness)
    del harness.stripe.objects[SUBSCRIPTION]
    [removed] = (await refreshed(harness)).objects
    assert (removed.outcome, harness.item("rcds_1")["deleted"]) == (Outcome.REMOVED, True)


async def test_an_object_of_a_preview_that_is_switched_off_stays(harness: Harness) -> None:
    await refreshed(harness)
    harness.stripe.objects = {}
    [kept] = (await refreshed(harness)).objects
    assert kept.outcome is None
    assert "the account does not show v2.billing.rate_card_subscription" in kept.reason
    assert "deleted" not in harness.item("rcds_1")


async def test_a_mistyped_id_leaves_no_tombstone(harness: Harness) -> None:
    report = await refreshed(harness, [ref_to(SCOPE, REF.type, "rcds_7")])
    assert [(one.outcome, one.reason) for one in report.objects] == [(None, NO_SUCH_OBJECT)]
    assert report.answer()["result"] == "failed"
    assert harness.mirror.objects == {}


async def test_the_mirror_knows_the_parent_of_what_it_holds(harness: Harness) -> None:
    path = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
    harness.stripe.objects[path] = {"id": "rcdr_1", "object": RATE.type, "rate_card": "rcd_1", "livemode": False}
    assert [one.reason for one in (await refreshed(harness, [RATE])).objects] == [NO_PARENT]
    await refreshed(harness, [ref_to(SCOPE, RATE.type, "rcdr_1", "rcd_1")])
    assert [one.outcome for one in (await refreshed(harness, [RATE])).objects] == [Outcome.UNCHANGED]


async def test_one_failure_does_not_stop_the_others_and_results_keep_their_order(harness: Harness) -> None:
    wrong, right = ref_to(SCOPE, REF.type, "rcds_7"), REF
    report = await refreshed(harness, [wrong, right, RATE])
    assert [(one.ref.id, one.outcome) for one in report.objects] == [
        ("rcds_7", None),
        ("rcds_1", Outcome.STORED),
        ("rcdr_1", None),
    ]


async def test_what_the_deadline_cuts_off_says_so(harness: Harness) -> None:
    assert [one.reason for one in (await refreshed(harness, seconds=0)).objects] == [OUT_OF_TIME]


async def test_needs_no_lease(harness: Harness) -> None:
    now = harness.clock.now()
    assert await harness.state_store.lease(SCOPE, "a tick", now=now, until=now + 100)
    assert [one.outcome for one in (await refreshed(harness)).objects] == [Outcome.STORED]


async def test_a_key_of_another_account_refreshes_nothing(harness: Harness) -> None:
    harness.stripe.objects[OWN_ACCOUNT] = {"id": "acct_1", "object": "account"}
    harness.guard()
    await refreshed(harness)
    harness.stripe.key = "foreign"
    harness.stripe.objects[OWN_ACCOUNT] = {"id": "acct_2", "object": "account"}
    refusals, claims = harness.guard(), dict(harness.mirror.counters)
    [refused] = (await refreshed(harness)).objects
    assert (refused.outcome, refused.reason, refusals) == (None, SENTENCE, ["foreign"])
    assert (harness.item("rcds_1")["token"], harness.mirror.counters) == (1, claims)
