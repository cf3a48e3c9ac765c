"""What a verify run finds, repairs and records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from billing_mirror.core import catalog, times
from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run, Status
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.crashing import CallLimit, crashing
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import Harness

OBJECT_TYPE = catalog.TYPES["v2.billing.rate_card_subscription"]
REF = ref_to(Scope(livemode=False), OBJECT_TYPE.name, "rcds_1")
CADENCE = "/v2/billing/cadences/bc_1"
LIST = "/v2/billing/rate_card_subscriptions"
CANCELED = f"{LIST}?servicing_status=canceled"


def stock(harness: Harness, *bodies: JsonObject) -> None:
    """Stripe has these subscriptions; the plain list hides the canceled ones."""
    harness.stripe.objects = {"/v2/billing/cadences/bc_1": cadence()}
    harness.stripe.objects |= {f"{LIST}/{body['id']}": body for body in bodies}
    harness.stripe.lists = {
        LIST: [body for body in bodies if body["servicing_status"] != "canceled"],
        CANCELED: [body for body in bodies if body["servicing_status"] == "canceled"],
        f"{LIST}?servicing_status=paused": [],
        f"{LIST}?servicing_status=pending": [],
    }


async def mirrored(harness: Harness, *bodies: JsonObject) -> None:
    """Both sides have these subscriptions: events have announced them."""
    stock(harness, *bodies)
    await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in bodies))
    harness.clock.advance(10)


async def run_now(harness: Harness, *, seconds: float = 100.0) -> Run:
    return await harness.run_now(OBJECT_TYPE, seconds=seconds)


async def test_where_both_sides_are_equal_nothing_is_fetched(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"), subscription("rcds_2", servicing_status="canceled"))
    harness.stripe.requests.clear()
    run = await run_now(harness)
    assert (run.complete, run.counts.compared, await harness.drifts(run)) == (True, 2, [])
    assert all(request.url.startswith(f"{LIST}?") for request in harness.stripe.requests)


class CountingMirror(MemoryMirror):
    """Counts heads that are read, consistently or not."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[bool] = Counter()

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        several = list(refs)
        self.read[consistent] += len({one.key for one in several})
        return await super().heads(several, consistent=consistent)


async def test_only_what_differs_is_read_consistently(harness: Harness) -> None:
    harness.mirror = mirror = CountingMirror()
    await mirrored(harness, *(subscription(f"rcds_{number}") for number in range(20)))
    mirror.read.clear()
    await run_now(harness)
    assert mirror.read == {False: 20, True: 1}  # their cadence
    harness.stripe.lists[LIST][3] = subscription("rcds_3", servicing_status="paused")
    mirror.read.clear()
    await run_now(harness)
    assert mirror.read[False] == 20
    assert 1 <= mirror.read[True] < 10


async def test_a_read_that_lags_is_no_difference(harness: Harness) -> None:
    """The table shows neither the object that was just created, nor what has just changed."""
    await mirrored(harness, subscription("rcds_1"))
    changed, new = subscription("rcds_1", servicing_status="paused"), subscription("rcds_2")
    await mirrored(harness, changed, new)
    harness.stripe.lists[LIST] = [changed, new]
    harness.mirror.reads_lag = True
    assert (await harness.mirror.heads([REF], consistent=False))[REF.key].digest != digest(OBJECT_TYPE, changed)
    harness.stripe.requests.clear()
    run = await run_now(harness)
    assert (run.counts.equal, await harness.drifts(run)) == (2, [])
    assert all(request.url.startswith(f"{LIST}?") for request in harness.stripe.requests)


async def test_a_read_that_lags_behind_the_customer_is_no_difference(harness: Harness) -> None:
    """The body is equal: only the column has changed, when the subscription's cadence was mirrored."""
    await mirrored(harness, subscription("rcds_1"))
    held = harness.item("rcds_1")
    harness.mirror.replaced[REF.key] = {name: value for name, value in held.items() if name != "customer"}
    harness.mirror.reads_lag = True
    assert (await harness.mirror.heads([REF], consistent=False))[REF.key].customer is None
    harness.stripe.requests.clear()
    run = await run_now(harness)
    assert (run.counts.equal, await harness.drifts(run)) == (1, [])
    assert all(request.url.startswith(f"{LIST}?") for request in harness.stripe.requests)


async def test_a_run_without_evidence_does_not_query_the_evidence_of_each_object(harness: Harness) -> None:
    await mirrored(harness, *(subscription(f"rcds_{number}") for number in range(30)))
    life = CallLimit()
    dependencies = replace(harness.reconcile_dependencies, state_store=crashing(harness.state_store, life))
    run = await execute_job(
        await start_run(OBJECT_TYPE.name, Job.VERIFY, None, dependencies), dependencies, until=harness.clock.now() + 100
    )
    assert run.counts.equal == 30
    assert life.counts["entries"] < 5


async def test_a_change_whose_event_was_lost_is_found_and_repaired(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    stock(harness, subscription("rcds_1", servicing_status="paused"))
    run = await run_now(harness)
    assert await harness.drifts(run) == [
        Drift("rcds_1", Difference.DIFFERENT, Resolution.REPAIRED, fields=("servicing_status",))
    ]
    assert harness.item("rcds_1")["status"] == "paused"


async def test_an_object_that_was_never_announced_is_inserted(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"))
    run = await run_now(harness)
    assert await harness.drifts(run) == [Drift("rcds_1", Difference.MISSING, Resolution.REPAIRED)]
    assert harness.item("rcds_1")["customer"] == "cus_1"


async def test_a_state_that_only_a_stale_list_shows_is_a_false_alarm(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    del harness.stripe.objects[f"{LIST}/rcds_1"]
    harness.clock.advance(100)
    await harness.deliver(subscription_event("canceled"))
    assert harness.item("rcds_1")["deleted"] is True
    run = await run_now(harness)
    assert [(one.id, one.resolution) for one in await harness.drifts(run)] == [("rcds_1", Resolution.FALSE_ALARM)]
    assert (run.counts.unresolved, harness.item("rcds_1")["deleted"]) == (0, True)


async def test_a_canceled_object_is_compared_too(harness: Harness) -> None:
    stock(harness, subscription("rcds_1", servicing_status="canceled"))
    assert [drift.id for drift in await harness.drifts(await run_now(harness))] == ["rcds_1"]


async def test_a_plain_list_that_shows_canceled_objects_is_not_followed_by_a_second(harness: Harness) -> None:
    stock(harness, subscription("rcds_1", servicing_status="canceled"))
    harness.stripe.lists[LIST] = harness.stripe.lists.pop(CANCELED)
    run = await run_now(harness)
    assert (run.complete, run.counts.compared) == (True, 1)
    assert not any("canceled" in path for path in harness.stripe.paths)


async def test_a_deleted_object_gets_a_tombstone(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    stock(harness)
    run = await run_now(harness)
    assert await harness.drifts(run) == [Drift("rcds_1", Difference.NOT_LISTED, Resolution.REPAIRED)]
    assert harness.item("rcds_1")["deleted"] is True


async def test_a_listed_object_gets_no_tombstone_because_one_answer_lacks_it(harness: Harness) -> None:
    """Otherwise an event about the object would find a newer tombstone, and count as already fresh."""
    stock(harness, subscription("rcds_1"))
    del harness.stripe.objects[f"{LIST}/rcds_1"]
    run = await run_now(harness)
    assert [(one.id, one.resolution) for one in await harness.drifts(run)] == [("rcds_1", Resolution.UNRESOLVED)]
    assert "test#rcds_1" not in harness.mirror.objects


async def test_a_new_object_gets_no_tombstone_because_nothing_shows_it_yet(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1", created=times.iso(harness.clock.now() + 30)))
    stock(harness)
    run = await run_now(harness)
    assert [(one.id, one.resolution) for one in await harness.drifts(run)] == [("rcds_1", Resolution.UNRESOLVED)]
    assert "deleted" not in harness.item("rcds_1")


async def test_an_object_that_only_the_list_lacks_is_kept(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    harness.stripe.lists[LIST] = []
    run = await run_now(harness)
    assert await harness.drifts(run) == [Drift("rcds_1", Difference.NOT_LISTED, Resolution.FALSE_ALARM)]
    assert "deleted" not in harness.item("rcds_1")


async def test_an_object_that_an_event_inserted_during_the_run_is_not_unlisted(harness: Harness) -> None:
    stock(harness)
    one = subscription("rcds_1")
    harness.stripe.objects[f"{LIST}/rcds_1"] = one

    async def made_meanwhile(_: str) -> None:
        harness.stripe.before_answer = None
        await harness.deliver(subscription_event())

    harness.stripe.before_answer = made_meanwhile
    run = await run_now(harness)
    assert (run.complete, await harness.drifts(run), harness.item("rcds_1")["data"]) == (True, [], one)


async def test_the_body_of_a_stale_list_is_never_stored(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    harness.stripe.lists[LIST] = [subscription("rcds_1", servicing_status="pending")]
    run = await run_now(harness)
    assert await harness.drifts(run) == [Drift("rcds_1", Difference.DIFFERENT, Resolution.FALSE_ALARM)]
    assert harness.item("rcds_1")["data"] == subscription("rcds_1")


async def test_an_object_with_a_refresh_in_flight_is_no_drift(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    stock(harness, subscription("rcds_1", servicing_status="paused"))
    await harness.mirror.claim(REF, harness.clock.now())
    run = await run_now(harness)
    assert (await harness.drifts(run), run.counts.in_flight) == ([], 1)


async def test_a_claim_that_died_an_hour_ago_hides_no_drift(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    stock(harness, subscription("rcds_1", servicing_status="paused"))
    await harness.mirror.claim(REF, harness.clock.now())
    harness.clock.advance(3601)
    assert [drift.resolution for drift in await harness.drifts(await run_now(harness))] == [Resolution.REPAIRED]


async def test_a_difference_that_could_not_be_verified_is_unresolved(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise TransientError("Stripe answered 500")

    harness.stripe.before_answer = fail
    run = await run_now(harness)
    assert {drift.id: drift.resolution for drift in await harness.drifts(run)} == {
        "rcds_1": Resolution.UNRESOLVED,
        "rcds_2": Resolution.REPAIRED,
    }
    assert run.complete


async def test_a_run_that_is_out_of_time_has_a_reason(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    run = await run_now(harness, seconds=0)
    assert (run.status, run.reason) == (Status.RUNNING, "out of time; the next tick continues")


async def test_a_run_whose_list_fails_has_a_reason_and_writes_no_tombstone(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    harness.stripe.failures = [TransientError("Stripe answered 503")] * 10
    run = await run_now(harness)
    assert (run.complete, run.reason) == (False, "Stripe answered 503")
    assert "deleted" not in harness.item("rcds_1")


async def test_every_run_leaves_a_record(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    stock(harness, subscription("rcds_1", servicing_status="paused"))
    run = await run_now(harness)
    assert await last_run(OBJECT_TYPE.name, harness.reconcile_dependencies) == run
    assert (run.status, run.counts.compared, run.counts.found, run.counts.repaired) == (Status.COMPLETE, 1, 1, 1)


async def test_a_transient_failure_does_not_end_a_run(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"))
    harness.stripe.failures = [TransientError("Stripe answered 429"), TransientError("Stripe answered 500")]
    run = await run_now(harness)
    assert (run.complete, [drift.resolution for drift in await harness.drifts(run)]) == (True, [Resolution.REPAIRED])


async def test_the_next_run_verifies_objects_that_one_run_could_not(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise TransientError("Stripe answered 500")

    harness.stripe.before_answer = fail
    assert [drift.resolution for drift in await harness.drifts(await run_now(harness))] == [Resolution.UNRESOLVED]
    harness.stripe.before_answer = None
    assert [drift.resolution for drift in await harness.drifts(await run_now(harness))] == [Resolution.REPAIRED]


async def test_an_unforeseen_failure_of_one_object_spares_the_others(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise ValueError("a customer's secret")

    harness.stripe.before_answer = fail
    run = await run_now(harness)
    assert {drift.id: drift.reason for drift in await harness.drifts(run)} == {
        "rcds_1": "unforeseen ValueError",
        "rcds_2": "",
    }
    assert run.complete


async def test_a_customer_that_could_not_be_found_is_found_later(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"))
    late = harness.stripe.objects.pop(CADENCE)
    await harness.deliver(subscription_event(at=harness.clock.now() - 100))
    assert "customer" not in harness.item("rcds_1")
    assert "test#bc_1" not in harness.mirror.objects, "a cadence that was never seen gets no tombstone either"
    harness.stripe.objects[CADENCE] = late
    harness.stripe.lists["/v2/billing/cadences?include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"] = [
        cadence()
    ]
    cadences = await harness.run_now(catalog.TYPES["v2.billing.cadence"])
    assert (cadences.counts.in_flight, [drift.id for drift in await harness.drifts(cadences)]) == (0, ["bc_1"])
    run = await run_now(harness)
    assert [drift.resolution for drift in await harness.drifts(run)] == [Resolution.REPAIRED]
    assert harness.item("rcds_1")["customer"] == "cus_1"


async def test_an_unknown_customer_costs_no_request_in_each_run(harness: Harness) -> None:
    await mirrored(harness, subscription("rcds_1"))
    del harness.item("rcds_1")["customer"]
    del harness.item("bc_1")["customer"]
    harness.stripe.requests.clear()
    run = await run_now(harness)
    assert (await harness.drifts(run), len(harness.stripe.requests)) == ([], run.counts.pages)


async def test_a_long_retry_after_ends_the_wait_and_not_the_run(harness: Harness) -> None:
    stock(harness, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise TransientError("Stripe answered 429", retry_after=3600)

    harness.stripe.before_answer = fail
    started = harness.clock.now()
    run = await run_now(harness)
    assert {drift.id: drift.resolution for drift in await harness.drifts(run)} == {
        "rcds_1": Resolution.UNRESOLVED,
        "rcds_2": Resolution.REPAIRED,
    }
    assert harness.clock.now() - started < 60


async def test_a_short_retry_after_is_respected(harness: Harness) -> None:
    stock(harness)
    harness.stripe.failures = [TransientError("Stripe answered 429", retry_after=7)]
    started = harness.clock.now()
    assert (await run_now(harness)).complete
    assert harness.clock.now() - started == 7


async def test_a_run_whose_record_cannot_be_stored_is_left_to_the_next_tick(harness: Harness) -> None:
    stock(harness)
    started_run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, harness.reconcile_dependencies)
    harness.state_store.writes_fail = True
    run = await execute_job(started_run, harness.reconcile_dependencies, until=harness.clock.now() + 100)
    assert run.status is Status.RUNNING
    assert "the table takes no records" in run.reason
    harness.state_store.writes_fail = False
    assert (await run_now(harness)).complete


async def test_an_unforeseen_error_of_a_list_ends_the_run_and_not_the_function(harness: Harness) -> None:
    harness.stripe.failures = [ValueError("a customer's secret")]
    run = await run_now(harness)
    assert (run.complete, run.reason) == (False, "unforeseen ValueError")


async def test_a_list_that_stripe_does_not_have_ends_the_run(harness: Harness) -> None:
    run = await run_now(harness)
    assert not run.complete
    assert run.reason.startswith("nothing at")


async def test_many_unlisted_objects_are_each_verified_once(harness: Harness) -> None:
    many = [subscription(f"rcds_{number}") for number in range(130)]
    stock(harness, *many)
    for _ in range(3):
        await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in many))
        many = many[50:]
    harness.clock.advance(10)
    harness.stripe.lists[LIST] = []
    harness.stripe.requests.clear()
    run = await run_now(harness)
    assert len(await harness.drifts(run)) == len({drift.id for drift in await harness.drifts(run)}) == 130


async def test_gated_fields_are_requested_in_lists_too(harness: Harness) -> None:
    harness.stripe.lists["/v2/billing/cadences?include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"] = [
        cadence()
    ]
    harness.stripe.objects["/v2/billing/cadences/bc_1"] = cadence()
    object_type = catalog.TYPES["v2.billing.cadence"]
    run = await harness.run_now(object_type)
    assert [drift.id for drift in await harness.drifts(run)] == ["bc_1"]


async def test_an_object_without_an_id_is_never_counted_as_equal(harness: Harness) -> None:
    bodies = [subscription("rcds_1"), subscription("rcds_2")]
    await mirrored(harness, *bodies)
    harness.stripe.lists[LIST] += [{"object": OBJECT_TYPE.name, "servicing_status": "active", "n": n} for n in (1, 2)]
    run = await harness.run_now(OBJECT_TYPE)
    counts = run.counts
    assert (counts.compared, counts.equal, counts.found, counts.unstorable) == (4, 2, 0, 2)
    assert {one.reason for one in await harness.drifts(run)} == {"the list shows an object without an id"}


async def test_an_object_that_a_page_shows_twice_is_equal_twice_or_never(harness: Harness) -> None:
    changed, equal = subscription("rcds_1"), subscription("rcds_2")
    await mirrored(harness, changed, equal)
    changed = {**changed, "metadata": {"changed": "yes"}}
    stock(harness, changed, equal)
    harness.stripe.lists[LIST] += [changed, equal]
    run = await harness.run_now(OBJECT_TYPE)
    assert (run.counts.compared, run.counts.equal, run.counts.different) == (4, 2, 1)
