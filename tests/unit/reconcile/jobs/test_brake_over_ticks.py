"""The brake on mass deletion, where a tick is killed or an object is not the only one that is missing."""

import asyncio

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import PermissionDenied
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.run import Job, Resolution, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.removals import HELD
from billing_mirror.reconcile.tick import reconcile
from tests.doubles.samples import customer, event
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import Harness

from .test_brake import CARDS, METER, METERS, lose, mirror_meters, mirror_versions, tombstones

KILLED = asyncio.CancelledError
CHECKPOINTS = f"pages:{METER.name}"


def unlist_and_remove(harness: Harness, *numbers: int) -> None:
    """Stripe lists no meter any more; only these are really gone."""
    harness.stripe.lists[METERS] = []
    for number in numbers:
        del harness.stripe.objects[f"{METERS}/mtr_{number}"]


async def test_what_a_killed_tick_has_held_counts_in_the_next_one(harness: Harness) -> None:
    """Each tick finds few, and both together too many."""
    await mirror_meters(harness, 200)
    unlist_and_remove(harness, *range(25), *range(100, 125))

    async def kill(path: str) -> None:
        if path == f"{METERS}/mtr_150":
            harness.stripe.before_answer = None
            raise KILLED

    harness.stripe.before_answer = kill
    with pytest.raises(KILLED):
        await harness.run_now(METER)
    run = await harness.run_now(METER)
    assert (run.status, tombstones(harness)) == (Status.FAILED, 0)
    assert "of 200 mirrored objects" in run.reason


@pytest.mark.parametrize("write", range(1, 9))
async def test_objects_are_counted_once_wherever_the_tick_is_killed(harness: Harness, write: int) -> None:
    """At each checkpoint, before and after the count is complete. Few of many must not become too many."""
    await mirror_meters(harness, 250)
    unlist_and_remove(harness, *range(0, 250, 6))
    writes = 0

    async def kill(partition: str) -> None:
        nonlocal writes
        writes += partition == CHECKPOINTS
        if writes == write:
            harness.state_store.before_write = None
            raise KILLED

    harness.state_store.before_write = kill
    try:
        run = await harness.run_now(METER)
    except KILLED:
        run = await harness.run_now(METER)
    assert (run.status, run.counts.held, tombstones(harness)) == (Status.COMPLETE, 0, 42)


async def test_only_what_stripe_does_not_return_is_held(harness: Harness) -> None:
    """What the key may not read is unresolved, and not fetched again with what is held."""
    await mirror_meters(harness, 30)
    unlist_and_remove(harness, *range(15))
    refused = [f"{METERS}/mtr_{number}" for number in range(15, 20)]

    async def refuse(path: str) -> None:
        if path in refused:
            raise PermissionDenied("Stripe answered 403")

    harness.stripe.before_answer = refuse
    harness.stripe.requests.clear()
    run = await harness.run_now(METER)
    assert (run.complete, run.counts.repaired, run.counts.unresolved, tombstones(harness)) == (True, 15, 5, 15)
    assert [harness.stripe.paths.count(path) for path in refused] == [1] * 5
    assert not [drift for drift in await harness.drifts(run) if drift.reason == HELD]


async def test_a_tick_does_not_ask_for_each_object_whether_a_preview_is_switched_off(harness: Harness) -> None:
    await mirror_versions(harness, 20)
    for answers in (harness.stripe.objects, harness.stripe.lists):
        for path in [path for path in answers if path.startswith(f"{CARDS}/")]:
            del answers[path]
    harness.stripe.lists[CARDS] = []
    harness.stripe.requests.clear()
    run = await harness.run_now(TYPES["v2.billing.rate_card"])
    assert (run.complete, tombstones(harness)) == (True, 20)
    of_the_lists = [path for path in harness.stripe.paths if path.startswith(f"{CARDS}?")]
    assert len(of_the_lists) == 3, "the two lists, and the first one once more for all that is missing"


async def test_an_owner_that_is_shown_as_deleted_takes_its_members_with_it(harness: Harness) -> None:
    """Stripe still returns a customer that was deleted, and says so."""
    body: JsonObject = {"id": "txi_1", "object": "tax_id", "customer": "cus_1", "created": 1, "livemode": False}
    home = "/v1/tax_ids"
    harness.stripe.objects |= {"/v1/customers/cus_1": customer(), f"{home}/txi_1": body}
    await harness.deliver(
        event("v1.customer.created", customer(), url="/v1/customers/cus_1"),
        event("v1.customer.tax_id.created", body, url=f"{home}/txi_1"),
    )
    harness.clock.advance(100)
    harness.stripe.objects = {"/v1/customers/cus_1": {"id": "cus_1", "object": "customer", "deleted": True}}
    harness.stripe.lists[home] = []
    run = await harness.run_now(TYPES["tax_id"])
    assert (run.complete, run.counts.lists_unreadable) == (True, 0)
    assert [(drift.id, drift.resolution) for drift in await harness.drifts(run)] == [("txi_1", Resolution.REPAIRED)]
    assert tombstones(harness) == 1


async def requested(harness: Harness, *, confirmed: bool, dry_run: bool = False) -> Status:
    """How a requested run over the meters ends."""
    request = RunRequest(((METER.name, Job.VERIFY),), dry_run=dry_run, confirm_deletions=confirmed)
    deadline = harness.clock.now() + 100
    report = await reconcile(request, harness.reconcile_dependencies, deadline=deadline)
    assert isinstance(report, TickReport)
    [worked] = report.worked
    harness.clock.advance(100)
    return worked.run.status


async def test_the_next_request_needs_a_word_of_its_own(harness: Harness) -> None:
    await mirror_meters(harness, 60)
    lose(harness, 30)
    assert await requested(harness, confirmed=True) is Status.COMPLETE
    lose(harness, 30)
    assert await requested(harness, confirmed=False) is Status.FAILED
    assert tombstones(harness) == 30


async def test_a_dry_run_shows_what_a_confirmation_would_remove(harness: Harness) -> None:
    await mirror_meters(harness, 60)
    lose(harness, 60)
    assert await requested(harness, confirmed=False, dry_run=True) is Status.FAILED
    assert await requested(harness, confirmed=True, dry_run=True) is Status.COMPLETE
    assert tombstones(harness) == 0


async def test_a_list_that_the_key_may_not_read_says_nothing_of_an_object(harness: Harness) -> None:
    """The object's own 404 decides, as where there is no list to ask."""
    profiles = "/v2/billing/profiles"
    profile: JsonObject = {"id": "bilp_1", "object": "v2.billing.profile", "livemode": False, "created": "2026-01-01"}
    harness.stripe.objects[f"{profiles}/bilp_1"] = profile
    await harness.deliver(event("v2.billing.profile.created", profile, url=f"{profiles}/bilp_1"))
    harness.clock.advance(100)
    refused_path = None

    class RefusingLists(MemoryStripe):
        async def get(self, request: StripeRequest) -> StripeResponse:
            nonlocal refused_path
            if "?" in request.path and not request.path.startswith(f"{profiles}?"):
                refused_path = request.path
                raise PermissionDenied("Stripe answered 403")
            return await super().get(request)

    harness.stripe = RefusingLists(lists={profiles: []})
    harness.start_container()
    run = await harness.run_now(TYPES["v2.billing.profile"])
    assert refused_path is not None
    assert (run.complete, tombstones(harness)) == (True, 1)
