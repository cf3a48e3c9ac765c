"""What a reconcile pass finds, repairs and records."""

from dataclasses import replace

from billing_mirror.core import catalog, times
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Retryable
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, named
from billing_mirror.core.run import Drift, Job, Resolution, Run, Status
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from billing_mirror.reconcile.verify import reconcile
from tests.doubles.crashing import Life, mortal
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import House

ROW = catalog.TYPES["v2.billing.rate_card_subscription"]
SUBJECT = named(Scope(livemode=False), ROW.name, "rcds_1")
CADENCE = "/v2/billing/cadences/bc_1"
LIST = "/v2/billing/rate_card_subscriptions"
CANCELED = f"{LIST}?servicing_status=canceled"


def stock(house: House, *bodies: JsonObject) -> None:
    """Stripe's side: these subscriptions, the canceled ones hidden from the plain list."""
    house.stripe.objects = {"/v2/billing/cadences/bc_1": cadence()}
    house.stripe.objects |= {f"{LIST}/{body['id']}": body for body in bodies}
    house.stripe.lists = {
        LIST: [body for body in bodies if body["servicing_status"] != "canceled"],
        CANCELED: [body for body in bodies if body["servicing_status"] == "canceled"],
        f"{LIST}?servicing_status=paused": [],
        f"{LIST}?servicing_status=pending": [],
    }


async def mirrored(house: House, *bodies: JsonObject) -> None:
    """Both sides: these subscriptions, told by events."""
    stock(house, *bodies)
    await house.deliver(*(subscription_event(identifier=str(body["id"])) for body in bodies))
    house.clock.advance(10)


async def passed(house: House, *, seconds: float = 100.0) -> Run:
    return await house.passed(ROW, seconds=seconds)


async def test_where_both_sides_agree_nothing_is_fetched(house: House) -> None:
    await mirrored(house, subscription("rcds_1"), subscription("rcds_2", servicing_status="canceled"))
    house.stripe.asked.clear()
    run = await passed(house)
    assert (run.complete, run.counts.compared, await house.drifts(run)) == (True, 2, [])
    assert all(asked.path.startswith(f"{LIST}?") for asked in house.stripe.asked)


async def test_a_run_that_has_found_nothing_does_not_ask_what_was_noted_of_each_object(house: House) -> None:
    await mirrored(house, *(subscription(f"rcds_{number}") for number in range(30)))
    life = Life()
    watch = replace(house.watch, journal=mortal(house.journal, life))
    run = await reconcile(ROW, await begun(ROW.name, Job.OBJECTS, None, watch), watch, until=house.clock.now() + 100)
    assert run.counts.equal == 30
    assert life.made["entries"] < 5


async def test_a_change_whose_event_was_lost_is_found_and_repaired(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    stock(house, subscription("rcds_1", servicing_status="paused"))
    run = await passed(house)
    assert await house.drifts(run) == [
        Drift("rcds_1", Difference.DIFFERENT, Resolution.REPAIRED, fields=("servicing_status",))
    ]
    assert house.item("rcds_1")["status"] == "paused"


async def test_an_object_that_was_never_heard_of_is_added(house: House) -> None:
    stock(house, subscription("rcds_1"))
    run = await passed(house)
    assert await house.drifts(run) == [Drift("rcds_1", Difference.MISSING, Resolution.REPAIRED)]
    assert house.item("rcds_1")["customer"] == "cus_1"


async def test_what_only_a_list_that_is_behind_still_shows_is_a_false_alarm(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    del house.stripe.objects[f"{LIST}/rcds_1"]
    house.clock.advance(100)
    await house.deliver(subscription_event("canceled"))
    assert house.item("rcds_1")["deleted"] is True
    run = await passed(house)
    assert [(one.id, one.resolution) for one in await house.drifts(run)] == [("rcds_1", Resolution.FALSE_ALARM)]
    assert (run.counts.unresolved, house.item("rcds_1")["deleted"]) == (0, True)


async def test_a_canceled_object_is_compared_too(house: House) -> None:
    stock(house, subscription("rcds_1", servicing_status="canceled"))
    assert [drift.id for drift in await house.drifts(await passed(house))] == ["rcds_1"]


async def test_a_plain_list_that_shows_canceled_ones_is_not_followed_by_a_second(house: House) -> None:
    stock(house, subscription("rcds_1", servicing_status="canceled"))
    house.stripe.lists[LIST] = house.stripe.lists.pop(CANCELED)
    run = await passed(house)
    assert (run.complete, run.counts.compared) == (True, 1)
    assert not any("canceled" in path for path in house.stripe.paths)


async def test_an_object_that_is_gone_is_buried(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    stock(house)
    run = await passed(house)
    assert await house.drifts(run) == [Drift("rcds_1", Difference.NOT_LISTED, Resolution.REPAIRED)]
    assert house.item("rcds_1")["deleted"] is True


async def test_an_object_that_is_listed_is_not_buried_because_one_answer_lacks_it(house: House) -> None:
    """Else an event about it would find a tombstone that is newer than it, and be absorbed."""
    stock(house, subscription("rcds_1"))
    del house.stripe.objects[f"{LIST}/rcds_1"]
    run = await passed(house)
    assert [(one.id, one.resolution) for one in await house.drifts(run)] == [("rcds_1", Resolution.UNRESOLVED)]
    assert "test#rcds_1" not in house.mirror.objects


async def test_an_object_that_was_just_made_is_not_buried_because_nothing_shows_it_yet(house: House) -> None:
    await mirrored(house, subscription("rcds_1", created=times.iso(house.clock.now() + 30)))
    stock(house)
    run = await passed(house)
    assert [(one.id, one.resolution) for one in await house.drifts(run)] == [("rcds_1", Resolution.UNRESOLVED)]
    assert "deleted" not in house.item("rcds_1")


async def test_an_object_that_only_the_list_lacks_is_left_alone(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    house.stripe.lists[LIST] = []
    run = await passed(house)
    assert await house.drifts(run) == [Drift("rcds_1", Difference.NOT_LISTED, Resolution.FALSE_ALARM)]
    assert "deleted" not in house.item("rcds_1")


async def test_what_an_event_had_fetched_during_the_pass_is_not_called_not_listed(house: House) -> None:
    stock(house)
    one = subscription("rcds_1")
    house.stripe.objects[f"{LIST}/rcds_1"] = one

    async def made_meanwhile(_: str) -> None:
        house.stripe.before_answer = None
        await house.deliver(subscription_event())

    house.stripe.before_answer = made_meanwhile
    run = await passed(house)
    assert (run.complete, await house.drifts(run), house.item("rcds_1")["data"]) == (True, [], one)


async def test_the_body_of_a_list_that_is_behind_is_never_stored(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    house.stripe.lists[LIST] = [subscription("rcds_1", servicing_status="pending")]
    run = await passed(house)
    assert await house.drifts(run) == [Drift("rcds_1", Difference.DIFFERENT, Resolution.FALSE_ALARM)]
    assert house.item("rcds_1")["data"] == subscription("rcds_1")


async def test_what_somebody_is_about_to_refresh_is_no_drift(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    stock(house, subscription("rcds_1", servicing_status="paused"))
    await house.mirror.claim(SUBJECT, house.clock.now())
    run = await passed(house)
    assert (await house.drifts(run), run.counts.in_flight) == ([], 1)


async def test_a_claim_that_died_an_hour_ago_hides_nothing(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    stock(house, subscription("rcds_1", servicing_status="paused"))
    await house.mirror.claim(SUBJECT, house.clock.now())
    house.clock.advance(3601)
    assert [drift.resolution for drift in await house.drifts(await passed(house))] == [Resolution.REPAIRED]


async def test_a_difference_that_could_not_be_looked_at_is_unresolved(house: House) -> None:
    stock(house, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise Retryable("Stripe answered 500")

    house.stripe.before_answer = fail
    run = await passed(house)
    assert {drift.id: drift.resolution for drift in await house.drifts(run)} == {
        "rcds_1": Resolution.UNRESOLVED,
        "rcds_2": Resolution.REPAIRED,
    }
    assert run.complete


async def test_a_pass_that_runs_out_of_time_says_so(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    run = await passed(house, seconds=0)
    assert (run.status, run.reason) == (Status.RUNNING, "it goes on at the next tick")


async def test_a_pass_whose_list_fails_says_why_and_buries_nothing(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    house.stripe.failures = [Retryable("Stripe answered 503")] * 10
    run = await passed(house)
    assert (run.complete, run.reason) == (False, "Stripe answered 503")
    assert "deleted" not in house.item("rcds_1")


async def test_every_pass_leaves_a_record(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    stock(house, subscription("rcds_1", servicing_status="paused"))
    run = await passed(house)
    assert await last_run(ROW.name, house.watch) == run
    assert (run.status, run.counts.compared, run.counts.found, run.counts.repaired) == (Status.COMPLETE, 1, 1, 1)


async def test_a_failure_that_passes_does_not_end_a_pass(house: House) -> None:
    stock(house, subscription("rcds_1"))
    house.stripe.failures = [Retryable("Stripe answered 429"), Retryable("Stripe answered 500")]
    run = await passed(house)
    assert (run.complete, [drift.resolution for drift in await house.drifts(run)]) == (True, [Resolution.REPAIRED])


async def test_what_one_pass_could_not_look_at_the_next_one_does(house: House) -> None:
    stock(house, subscription("rcds_1"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise Retryable("Stripe answered 500")

    house.stripe.before_answer = fail
    assert [drift.resolution for drift in await house.drifts(await passed(house))] == [Resolution.UNRESOLVED]
    house.stripe.before_answer = None
    assert [drift.resolution for drift in await house.drifts(await passed(house))] == [Resolution.REPAIRED]


async def test_an_unforeseen_failure_of_one_object_spares_the_others(house: House) -> None:
    stock(house, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise ValueError("a customer's secret")

    house.stripe.before_answer = fail
    run = await passed(house)
    assert {drift.id: drift.reason for drift in await house.drifts(run)} == {
        "rcds_1": "unforeseen ValueError",
        "rcds_2": "",
    }
    assert run.complete


async def test_a_customer_that_could_not_be_found_is_found_later(house: House) -> None:
    stock(house, subscription("rcds_1"))
    late = house.stripe.objects.pop(CADENCE)
    await house.deliver(subscription_event(at=house.clock.now() - 100))
    assert "customer" not in house.item("rcds_1")
    assert "test#bc_1" not in house.mirror.objects, "a cadence that was never seen is not gone either"
    house.stripe.objects[CADENCE] = late
    house.stripe.lists["/v2/billing/cadences?include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"] = [
        cadence()
    ]
    cadences = await house.passed(catalog.TYPES["v2.billing.cadence"])
    assert (cadences.counts.in_flight, [drift.id for drift in await house.drifts(cadences)]) == (0, ["bc_1"])
    run = await passed(house)
    assert [drift.resolution for drift in await house.drifts(run)] == [Resolution.REPAIRED]
    assert house.item("rcds_1")["customer"] == "cus_1"


async def test_a_customer_that_nobody_knows_costs_no_request_at_each_pass(house: House) -> None:
    await mirrored(house, subscription("rcds_1"))
    del house.item("rcds_1")["customer"]
    del house.item("bc_1")["customer"]
    house.stripe.asked.clear()
    run = await passed(house)
    assert (await house.drifts(run), len(house.stripe.asked)) == ([], run.counts.pages)


async def test_a_long_retry_after_ends_the_wait_and_not_the_pass(house: House) -> None:
    stock(house, subscription("rcds_1"), subscription("rcds_2"))

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise Retryable("Stripe answered 429", retry_after=3600)

    house.stripe.before_answer = fail
    started = house.clock.now()
    run = await passed(house)
    assert {drift.id: drift.resolution for drift in await house.drifts(run)} == {
        "rcds_1": Resolution.UNRESOLVED,
        "rcds_2": Resolution.REPAIRED,
    }
    assert house.clock.now() - started < 60


async def test_a_retry_after_that_is_short_is_kept(house: House) -> None:
    stock(house)
    house.stripe.failures = [Retryable("Stripe answered 429", retry_after=7)]
    started = house.clock.now()
    assert (await passed(house)).complete
    assert house.clock.now() - started == 7


async def test_a_record_that_is_not_taken_leaves_the_run_to_the_next_tick(house: House) -> None:
    stock(house)
    begun_run = await begun(ROW.name, Job.OBJECTS, None, house.watch)
    house.journal.writes_fail = True
    run = await reconcile(ROW, begun_run, house.watch, until=house.clock.now() + 100)
    assert run.status is Status.RUNNING
    assert "the table takes no records" in run.reason
    house.journal.writes_fail = False
    assert (await passed(house)).complete


async def test_an_unforeseen_error_of_a_list_ends_the_pass_and_not_the_function(house: House) -> None:
    house.stripe.failures = [ValueError("a customer's secret")]
    run = await passed(house)
    assert (run.complete, run.reason) == (False, "unforeseen ValueError")


async def test_a_list_that_stripe_does_not_have_ends_the_pass(house: House) -> None:
    run = await passed(house)
    assert not run.complete
    assert run.reason.startswith("nothing at")


async def test_many_that_no_list_shows_are_each_looked_at_once(house: House) -> None:
    many = [subscription(f"rcds_{number}") for number in range(130)]
    stock(house, *many)
    for _ in range(3):
        await house.deliver(*(subscription_event(identifier=str(body["id"])) for body in many))
        many = many[50:]
    house.clock.advance(10)
    house.stripe.lists[LIST] = []
    house.stripe.asked.clear()
    run = await passed(house)
    assert len(await house.drifts(run)) == len({drift.id for drift in await house.drifts(run)}) == 130


async def test_gated_fields_are_asked_for_in_lists_too(house: House) -> None:
    house.stripe.lists["/v2/billing/cadences?include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"] = [
        cadence()
    ]
    house.stripe.objects["/v2/billing/cadences/bc_1"] = cadence()
    row = catalog.TYPES["v2.billing.cadence"]
    run = await house.passed(row)
    assert [drift.id for drift in await house.drifts(run)] == ["bc_1"]


async def test_an_object_without_an_id_is_never_counted_as_equal(house: House) -> None:
    bodies = [subscription("rcds_1"), subscription("rcds_2")]
    await mirrored(house, *bodies)
    house.stripe.lists[LIST] += [{"object": ROW.name, "servicing_status": "active", "n": n} for n in (1, 2)]
    run = await house.passed(ROW)
    counts = run.counts
    assert (counts.compared, counts.equal, counts.missing, counts.unresolved) == (4, 2, 2, 2)
    assert {one.reason for one in await house.drifts(run)} == {"the list shows an object without an id"}


async def test_an_object_that_a_page_shows_twice_is_equal_twice_or_never(house: House) -> None:
    changed, equal = subscription("rcds_1"), subscription("rcds_2")
    await mirrored(house, changed, equal)
    changed = {**changed, "metadata": {"changed": "yes"}}
    stock(house, changed, equal)
    house.stripe.lists[LIST] += [changed, equal]
    run = await house.passed(ROW)
    assert (run.counts.compared, run.counts.equal, run.counts.different) == (4, 2, 1)
