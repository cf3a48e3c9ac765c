"""Already fresh: messages that a fetch, started well after they were sent, has already answered."""

import pytest

from billing_mirror.core import times
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import MAX_EVENTS, Observation, item, last_events_in
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from tests.doubles.samples import subscription, subscription_event
from tests.unit.harness import SUBSCRIPTION, Harness


async def test_events_about_one_object_are_fetched_once(stocked: Harness) -> None:
    results = await stocked.deliver(*(subscription_event(name) for name in ("activated", "servicing_activated")))
    assert [result.outcome for result in results] == [Outcome.STORED, Outcome.STORED]
    assert [request.url for request in stocked.stripe.requests].count(SUBSCRIPTION) == 1


async def test_a_message_older_than_the_mirrored_fetch_costs_no_request(stocked: Harness) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    stocked.clock.advance(60)
    await stocked.deliver(subscription_event())
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 30
    sent = len(stocked.stripe.requests)
    [result] = await stocked.work()
    assert (result.outcome, len(stocked.stripe.requests)) == (Outcome.ALREADY_FRESH, sent)


async def test_a_tombstone_makes_only_deletions_already_fresh(stocked: Harness) -> None:
    stocked.stripe.show_previews()
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[SUBSCRIPTION]
    stocked.clock.advance(120)
    await stocked.deliver(subscription_event("servicing_canceled"))
    assert stocked.item("rcds_1")["deleted"] is True
    stocked.stripe.objects[SUBSCRIPTION] = subscription()
    for name, outcome in (("deleted", Outcome.ALREADY_FRESH), ("servicing_paused", Outcome.STORED)):
        await stocked.queue.send(subscription_event(name), group="test")
        stocked.queue.waiting[0].sent_at -= 30
        [result] = await stocked.work()
        assert result.outcome is outcome


async def test_a_message_within_the_margin_is_not_already_fresh(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= stocked.clock_skew_margin - 0.5
    [result] = await stocked.work()
    assert result.outcome is Outcome.STORED


async def test_a_late_message_is_not_already_fresh_because_an_early_one_is(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 100
    results = await stocked.deliver(subscription_event("canceled"))
    assert [result.outcome for result in results] == [Outcome.STORED, Outcome.STORED]
    assert stocked.item("rcds_1")["status"] == "canceled"


async def test_a_message_is_not_already_fresh_while_an_older_fetch_is_in_flight(stocked: Harness) -> None:
    """A worker claimed after the mirrored fetch, fetched before the change, and has not written yet."""
    await stocked.deliver(subscription_event())
    one = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    late_token, _ = await stocked.mirror.claim(one, stocked.clock.now())
    late_item = stocked.item("rcds_1")
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    stocked.mirror.objects["test#rcds_1"] = {
        **late_item,
        "data": subscription(servicing_status="canceled"),
        "fetched_at": times.iso(stocked.clock.now() + 100),
    }
    await stocked.deliver(subscription_event("canceled"))
    await stocked.mirror.put(one, late_token, late_item)
    assert stocked.item("rcds_1")["data"] == subscription(servicing_status="canceled")


async def test_a_backfilled_object_makes_no_message_already_fresh(stocked: Harness) -> None:
    """However late the list was requested: a list may be older than the response to a GET."""
    one = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    listed = Observation(stocked.clock.now(), "", "", subscription(), digest(one.object_type, subscription()))
    await stocked.mirror.put(one, UNCLAIMED_TOKEN, item(one, listed, "cus_1"))
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event("canceled"), group="test")
    stocked.queue.waiting[0].sent_at -= 100
    [result] = await stocked.work()
    assert (result.outcome, stocked.item("rcds_1")["status"]) == (Outcome.STORED, "canceled")


async def test_no_clock_answers_an_event_that_a_test_clock_has_dated_ahead(stocked: Harness) -> None:
    """Recover, which reads the events of the past, would not find what a wrong clock hides."""
    await stocked.deliver(subscription_event())
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event("canceled", at=stocked.clock.now() + 30 * 86400), group="test")
    stocked.queue.waiting[0].sent_at -= 100
    [result] = await stocked.work()
    assert (result.outcome, stocked.item("rcds_1")["status"]) == (Outcome.STORED, "canceled")


async def test_without_a_margin_nothing_is_already_fresh(stocked: Harness) -> None:
    stocked.clock_skew_margin = 0
    await stocked.deliver(subscription_event())
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 1000
    [result] = await stocked.work()
    assert result.outcome is Outcome.UNCHANGED


async def test_twenty_deliveries_of_one_event_cost_one_fetch(stocked: Harness) -> None:
    stocked.clock_skew_margin = 0
    text = subscription_event(at=stocked.clock.now())
    for _ in range(20):
        await stocked.deliver(text)
    assert stocked.stripe.paths.count(SUBSCRIPTION) == 1
    assert stocked.queue.waiting == []


@pytest.mark.parametrize(
    ("earlier", "outcome"),
    [
        (0.001, Outcome.ALREADY_FRESH),
        (0.25, Outcome.UNCHANGED),
        (0.0, Outcome.UNCHANGED),
        (1.25, Outcome.ALREADY_FRESH),
    ],
    ids=["a millisecond older", "in a whole second that ended later", "at the same time", "a second older"],
)
async def test_only_a_strictly_older_event_costs_no_request(stocked: Harness, earlier: float, outcome: Outcome) -> None:
    newest = stocked.clock.now() + 0.25
    stocked.clock.advance(1)
    await stocked.deliver(subscription_event(at=newest))
    [result] = await stocked.deliver(subscription_event("servicing_paused", at=newest - earlier))
    assert result.outcome is outcome


async def test_the_newest_event_of_a_group_makes_older_ones_fresh(stocked: Harness) -> None:
    now = stocked.clock.now()
    await stocked.deliver(*(subscription_event(at=now - ago) for ago in (50.5, 10.5, 30.5)))
    assert stocked.item("rcds_1")["last_event_at"] == times.iso(now - 10.5)
    [result] = await stocked.deliver(subscription_event(at=now - 20.5))
    assert result.outcome is Outcome.ALREADY_FRESH


async def test_the_newest_event_is_remembered_by_a_fetch_for_an_older_one_and_by_one_for_none(stocked: Harness) -> None:
    now = stocked.clock.now()
    newest = subscription_event(at=now - 10.5)
    await stocked.deliver(newest)
    held = {name: stocked.item("rcds_1")[name] for name in ("last_event_at", "last_event_id")}
    request = RefreshRequest(livemode=False, type="v2.billing.rate_card_subscription", id="rcds_1")
    await stocked.deliver(write_message(request), subscription_event(at=now - 20.5))
    item = stocked.item("rcds_1")
    assert (item["token"], {name: item[name] for name in held}) == (2, held)


async def test_an_event_dated_in_the_future_hides_no_later_one(stocked: Harness) -> None:
    await stocked.deliver(subscription_event(at=stocked.clock.now() + 30 * 86400))
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    [result] = await stocked.deliver(subscription_event("canceled", at=stocked.clock.now()))
    assert (result.outcome, stocked.item("rcds_1")["status"]) == (Outcome.STORED, "canceled")


async def test_an_older_event_is_fetched_while_another_worker_has_a_claim(stocked: Harness) -> None:
    now = stocked.clock.now()
    await stocked.deliver(subscription_event(at=now))
    one = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    await stocked.mirror.claim(one, now)
    [result] = await stocked.deliver(subscription_event(at=now - 100))
    assert result.outcome is Outcome.UNCHANGED


async def test_events_of_one_moment_that_a_fetch_answered_together_cost_nothing_later(stocked: Harness) -> None:
    now = stocked.clock.now()
    events = [subscription_event(id=name, at=now - age) for name, age in (("evt_a", 0), ("evt_b", 0), ("evt_c", 9))]
    await stocked.deliver(*events)
    await stocked.deliver(subscription_event(id="evt_d", at=now))
    stocked.clock.advance(3600)
    stocked.stripe.requests.clear()
    before = {**stocked.mirror.objects}, {**stocked.mirror.counters}
    results = await stocked.deliver(*events, subscription_event(id="evt_d", at=now))
    assert [one.outcome for one in results] == [Outcome.ALREADY_FRESH] * 4
    assert (stocked.stripe.requests, (stocked.mirror.objects, stocked.mirror.counters)) == ([], before)


async def test_events_of_another_moment_are_forgotten_with_the_next_one(stocked: Harness) -> None:
    now = stocked.clock.now()
    await stocked.deliver(subscription_event(id="evt_a", at=now - 5))
    await stocked.deliver(subscription_event(id="evt_b", at=now))
    assert last_events_in(stocked.item("rcds_1")).last_event_ids == ("evt_b",)


async def test_an_item_keeps_so_many_ids_of_events(stocked: Harness) -> None:
    now = stocked.clock.now()
    await stocked.deliver(*(subscription_event(id=f"evt_{number}", at=now) for number in range(MAX_EVENTS + 5)))
    assert len(last_events_in(stocked.item("rcds_1")).last_event_ids) == MAX_EVENTS


async def test_an_event_whose_write_was_superseded_is_known_to_the_write_that_won(stocked: Harness) -> None:
    """Two containers receive two events of one change; the one that claimed first writes last, and in vain."""
    now = stocked.clock.now()
    first, second = (subscription_event(id=name, at=now) for name in ("evt_a", "evt_b"))

    async def receive_the_second(_: str) -> None:
        stocked.stripe.before_answer = None
        await stocked.deliver(second)

    stocked.stripe.before_answer = receive_the_second
    [superseded] = await stocked.deliver(first)
    assert superseded.outcome is Outcome.SUPERSEDED
    stocked.clock.advance(3600)
    stocked.stripe.requests.clear()
    again = await stocked.deliver(first, second)
    assert ([one.outcome for one in again], stocked.stripe.requests) == ([Outcome.ALREADY_FRESH] * 2, [])
