"""A fetch waits a moment for other events of its change, and for what another worker is about to store."""

import pytest

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.messages import Notification, RefreshRequest, read_message, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import NO_EVENTS, UNCLAIMED_TOKEN, LastEvents
from billing_mirror.process.batch import MAX_CONCURRENCY
from tests.doubles.samples import cadence, event, rate, sample, subscription_event, version

from .workers import PAUSE, REF, Workers
from .workers import workers as workers

RATE = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"


async def test_a_lone_event_is_fetched_after_the_pause(workers: Workers) -> None:
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.busy.sleeps, workers.fetches) == (Outcome.STORED, [PAUSE], 1)


async def test_the_later_claim_fetches_for_both(workers: Workers) -> None:
    """Another worker has the second event of the change."""
    second = workers.deliver

    async def other_worker() -> None:
        workers.busy.meanwhile.insert(0, workers.nothing)  # its own pause
        [result] = await second(subscription_event("canceled"))
        assert result.outcome is Outcome.STORED

    workers.busy.meanwhile.append(other_worker)
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.fetches) == (Outcome.SUPERSEDED, 1)
    assert workers.item("rcds_1")["status"] == "canceled"
    assert not workers.queue.waiting


async def test_what_the_later_claim_knows_includes_the_earlier_event(workers: Workers) -> None:
    first = subscription_event(at=workers.clock.now())

    async def other_worker() -> None:
        workers.busy.meanwhile.insert(0, workers.nothing)
        await workers.deliver(subscription_event("canceled", at=workers.clock.now()))

    workers.busy.meanwhile.append(other_worker)
    await workers.deliver(first)
    [again] = await workers.deliver(first)
    assert (again.outcome, workers.fetches) == (Outcome.ALREADY_FRESH, 1)


async def test_an_intention_alone_answers_nothing(workers: Workers) -> None:
    """The other worker dies after its claim."""
    workers.busy.meanwhile.append(workers.claim)
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.fetches) == (Outcome.STORED, 1)
    assert 5 <= sum(workers.busy.sleeps) < 7


async def test_an_earlier_fetch_that_is_stored_meanwhile_answers_nothing(workers: Workers) -> None:
    """It was claimed before the event's worker claimed, and may not show the change. The later claim ends nowhere."""
    await workers.claim()

    async def claim_later() -> None:
        await workers.mirror.claim(REF, workers.clock.now())

    workers.busy.meanwhile += [claim_later, workers.store]
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.fetches) == (Outcome.STORED, 1)


@pytest.mark.parametrize(
    ("columns", "fetches"),
    [({"deleted": True}, 0), ({"missing_fields": ["discounts"]}, 0), ({"follow_ups_due": True}, 1)],
    ids=["a tombstone", "without a field", "without what should follow"],
)
async def test_what_a_later_claim_has_stored_counts(workers: Workers, columns: dict[str, object], fetches: int) -> None:
    """An older fetch would be refused. Only what should have followed is queued by it."""

    async def store() -> None:
        workers.put(**columns)

    workers.busy.meanwhile += [workers.claim, store]
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.fetches) == (Outcome.SUPERSEDED, fetches)


async def test_the_claim_of_a_reconcile_run_is_not_waited_for(workers: Workers) -> None:
    """No queue repeats it."""

    async def claim() -> None:
        await workers.mirror.claim(REF, 0.0)

    workers.busy.meanwhile.append(claim)
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)


async def test_a_counter_that_was_lost_is_no_later_claim(workers: Workers) -> None:
    """The object was restored with a token that its counter has never given."""

    async def lose_counter() -> None:
        await workers.claim()
        workers.token = 900

    workers.busy.meanwhile += [lose_counter, workers.store]
    [result] = await workers.deliver(subscription_event())
    assert result.outcome is Outcome.POSTPONED
    assert workers.mirror.counters[REF.key].claimed > 900


async def test_only_events_wait(workers: Workers) -> None:
    request = RefreshRequest(livemode=False, type=REF.type, id=REF.id)
    await workers.deliver(write_message(request))
    assert (workers.busy.sleeps, workers.fetches) == ([], 1)


async def test_an_event_beside_a_request_waits_for_no_other(workers: Workers) -> None:
    """The request may ask for lists that the fetch for an event leaves out."""
    request = RefreshRequest(livemode=False, type=REF.type, id=REF.id, lists=("v2.billing.intent_action",))
    await workers.deliver(subscription_event(), write_message(request))
    assert (workers.busy.sleeps, workers.fetches) == ([], 1)


async def test_without_a_pause_each_event_is_fetched_at_once(workers: Workers) -> None:
    workers.pause = 0.0
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.fetches) == ([], 1)


class TestOfWhatAnotherWorkerHasClaimedFor:
    """Stripe sends an event by two ways, and the other worker has claimed for it."""

    @pytest.fixture
    def sent(self, workers: Workers) -> str:
        return subscription_event(at=workers.clock.now())

    @pytest.fixture(autouse=True)
    async def other_worker(self, workers: Workers, sent: str) -> None:
        event = read_message(sent)
        assert isinstance(event, Notification)
        workers.events = LastEvents(workers.clock.now(), (event.identity,))
        await workers.claim()
        workers.clock.advance(1)

    async def test_its_fetch_is_waited_for(self, workers: Workers, sent: str) -> None:
        workers.busy.meanwhile += [workers.nothing, workers.store]
        [result] = await workers.deliver(sent)
        assert (result.outcome, workers.fetches, workers.mirror.counters[REF.key].claimed) == (
            Outcome.ALREADY_FRESH,
            0,
            workers.token,
        )

    async def test_its_claim_alone_answers_nothing(self, workers: Workers, sent: str) -> None:
        [result] = await workers.deliver(sent)
        assert (result.outcome, workers.fetches) == (Outcome.STORED, 1)
        assert workers.busy.sleeps == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, PAUSE]

    async def test_what_is_stored_meanwhile_is_the_state_before(self, workers: Workers, sent: str) -> None:
        """Its fetch never ends, and an older one, of another customer, is stored while it is waited for."""

        async def store_older() -> None:
            workers.token -= 1
            workers.put(customer="cus_2")

        workers.busy.meanwhile.append(store_older)
        await workers.deliver(sent)
        assert workers.item("rcds_1")["customer"] == "cus_1"
        assert any("cus_2" in partition for partition in workers.mirror.left)

    async def test_other_objects_do_not_wait_for_it(self, workers: Workers) -> None:
        """As many as are worked on at the same time wait for others' fetches, and one does not."""
        now, events = workers.clock.now(), []
        for number in range(MAX_CONCURRENCY):
            one = ref_to(REF.scope, REF.type, f"rcds_1{number}")
            events.append(subscription_event(at=now - 1, identifier=one.id))
            await workers.mirror.claim(one, now, LastEvents(now, ("evt_newer",)))
        await workers.deliver(*events, subscription_event(at=now))
        assert workers.busy.sleeps.index(PAUSE) <= MAX_CONCURRENCY

    async def test_its_fetch_answers_no_later_event(self, workers: Workers) -> None:
        workers.busy.meanwhile += [workers.nothing, workers.store]
        [result] = await workers.deliver(subscription_event(at=workers.clock.now()))
        assert (result.outcome, workers.busy.sleeps, workers.fetches) == (Outcome.STORED, [PAUSE], 1)

    async def test_its_fetch_answers_nothing_while_a_later_one_may_replace_it(
        self, workers: Workers, sent: str
    ) -> None:
        async def store_and_claim() -> None:
            workers.put()
            workers.events = NO_EVENTS
            await workers.claim()

        workers.busy.meanwhile.append(store_and_claim)
        [result] = await workers.deliver(sent)
        assert (result.outcome, workers.fetches) == (Outcome.UNCHANGED, 1)

    async def test_its_clock_may_be_ahead(self, workers: Workers, sent: str) -> None:
        workers.clock.advance(60)
        await workers.claim()
        workers.clock.advance(-60)
        await workers.deliver(sent)
        assert (workers.fetches, sum(workers.busy.sleeps) < 7) == (1, True)

    async def test_a_message_that_comes_again_does_not_wait_for_itself(self, workers: Workers) -> None:
        workers.stripe.failures.append(TransientError("Stripe answers 429", retry_after=3.0))
        [result] = await workers.deliver(subscription_event(at=workers.clock.now()))
        assert result.outcome is Outcome.POSTPONED
        workers.queue.waiting[-1].visible_at = workers.clock.now()
        workers.busy.sleeps.clear()
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 2)

    async def test_the_claim_is_too_old_after_some_seconds(self, workers: Workers, sent: str) -> None:
        workers.clock.advance(5)
        await workers.deliver(sent)
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_an_event_beside_one_that_a_test_clock_has_dated_ahead_waits_for_no_other(
        self, workers: Workers, sent: str
    ) -> None:
        await workers.deliver(sent, subscription_event(at=workers.clock.now() + 86400))
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_an_event_beside_a_request_waits_for_no_other(self, workers: Workers, sent: str) -> None:
        await workers.deliver(sent, write_message(RefreshRequest(livemode=False, type=REF.type, id=REF.id)))
        assert (workers.busy.sleeps, workers.fetches) == ([], 1)

    async def test_without_a_pause_each_event_is_fetched_at_once(self, workers: Workers, sent: str) -> None:
        workers.pause = 0.0
        await workers.deliver(sent)
        assert (workers.busy.sleeps, workers.fetches) == ([], 1)


class TestOfWhatHasWaited:
    """The message was sent a minute before."""

    async def test_a_fetch_in_flight_answers_it(self, workers: Workers) -> None:
        await workers.claim()
        workers.busy.meanwhile += [workers.nothing, workers.store]
        await workers.send_long_ago(subscription_event())
        [result] = await workers.work()
        assert (result.outcome, workers.fetches) == (Outcome.ALREADY_FRESH, 0)

    async def test_a_fetch_in_flight_that_never_ends_does_not(self, workers: Workers) -> None:
        await workers.claim()
        await workers.send_long_ago(subscription_event())
        [result] = await workers.work()
        assert (result.outcome, workers.fetches) == (Outcome.STORED, 1)

    async def test_a_fetch_that_found_nothing_does_not(self, workers: Workers) -> None:
        await workers.claim()
        workers.busy.meanwhile.append(workers.put_tombstone)
        await workers.send_long_ago(subscription_event())
        await workers.work()
        assert workers.fetches == 1

    async def test_a_fetch_does_not_while_a_later_one_may_replace_it(self, workers: Workers) -> None:
        await workers.claim()

        async def store_and_claim() -> None:
            workers.put()
            await workers.claim()

        workers.busy.meanwhile.append(store_and_claim)
        await workers.send_long_ago(subscription_event())
        await workers.work()
        assert workers.fetches == 1

    @pytest.mark.parametrize("has_older", [False, True], ids=["alone", "beside an older message"])
    async def test_a_claim_within_the_margin_is_not_waited_for(self, workers: Workers, *, has_older: bool) -> None:
        if has_older:
            await workers.send_long_ago(subscription_event())
        await workers.queue.send(subscription_event(), group="test")
        workers.clock.advance(workers.clock_skew_margin - 1)
        await workers.claim()
        workers.clock.advance(2)
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_a_claim_that_has_failed_is_not_waited_for(self, workers: Workers) -> None:
        """The message comes again after its own worker's request was refused."""
        workers.stripe.failures.append(TransientError("Stripe answers 429"))
        await workers.send_long_ago(subscription_event())
        [result] = await workers.work()
        assert result.outcome is Outcome.POSTPONED
        workers.clock.advance(60)
        workers.busy.sleeps.clear()
        await workers.work()
        assert workers.busy.sleeps == [PAUSE]

    async def test_a_claim_whose_write_is_stored_is_not_waited_for(self, workers: Workers) -> None:
        await workers.claim()
        workers.put(deleted=True)
        await workers.send_long_ago(subscription_event())
        await workers.work()
        assert workers.busy.sleeps == [PAUSE]

    async def test_a_request_is_answered_by_no_time(self, workers: Workers) -> None:
        await workers.claim()
        await workers.send_long_ago(write_message(RefreshRequest(livemode=False, type=REF.type, id=REF.id)))
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([], 1)

    async def test_an_event_beside_a_request_waits_for_no_other(self, workers: Workers) -> None:
        await workers.claim()
        await workers.send_long_ago(subscription_event())
        await workers.send_long_ago(write_message(RefreshRequest(livemode=False, type=REF.type, id=REF.id)))
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([], 1)

    async def test_an_event_that_a_test_clock_has_dated_ahead_is_answered_by_no_time(self, workers: Workers) -> None:
        await workers.claim()
        await workers.send_long_ago(subscription_event(at=workers.clock.now() + 86400))
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_without_a_margin_no_clocks_are_compared(self, workers: Workers) -> None:
        workers.clock_skew_margin = 0
        await workers.claim()
        await workers.send_long_ago(subscription_event())
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)


class TestOfNewMembers:
    """The list of an owner often shows a rate before its own event is worked on."""

    def created(self, *, url: str = RATE, name: str = "created") -> str:
        return event(f"v2.billing.rate_card_rate.{name}", rate(), url=url)

    async def insert(self, workers: Workers) -> None:
        ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_rate", "rcdr_1", "rcd_1")
        seen = Observation(workers.clock.now(), "", "", rate(), digest(ref.object_type, rate()))
        await workers.mirror.put(ref, UNCLAIMED_TOKEN, item(ref, seen, None))

    @pytest.fixture(autouse=True)
    def at_stripe(self, workers: Workers) -> None:
        workers.stripe.objects[RATE] = rate()

    async def test_are_not_fetched_where_a_list_shows_them(self, workers: Workers) -> None:
        async def insert() -> None:
            await self.insert(workers)

        workers.busy.meanwhile += [workers.nothing, insert]
        [result] = await workers.deliver(self.created())
        assert (result.outcome, workers.stripe.requests) == (Outcome.ALREADY_FRESH, [])

    async def test_are_fetched_where_none_does(self, workers: Workers) -> None:
        [result] = await workers.deliver(self.created())
        assert (result.outcome, workers.stripe.paths) == (Outcome.STORED, [RATE])
        assert sum(workers.busy.sleeps) < 2

    async def test_are_not_waited_for_long_after_their_event(self, workers: Workers) -> None:
        await workers.send_long_ago(self.created())
        await workers.work()
        assert workers.busy.sleeps == [PAUSE]

    async def test_are_not_waited_for_after_a_change(self, workers: Workers) -> None:
        await workers.deliver(self.created(name="updated"))
        assert workers.busy.sleeps == [PAUSE]

    async def test_are_not_waited_for_without_a_pause(self, workers: Workers) -> None:
        workers.pause = 0.0
        await workers.deliver(self.created())
        assert workers.busy.sleeps == []

    async def test_are_not_waited_for_once_they_were_removed(self, workers: Workers) -> None:
        """No list brings them back."""
        await self.insert(workers)
        workers.mirror.objects["test#rcdr_1"]["deleted"] = True
        await workers.deliver(self.created())
        assert workers.busy.sleeps == [PAUSE]

    @pytest.mark.parametrize(
        ("made", "url"),
        [
            pytest.param(cadence("bc_2"), "/v2/billing/cadences/bc_2", id="cadence"),
            pytest.param(version("rcdv_2"), "/v2/billing/rate_cards/rcd_1/versions/rcdv_2", id="version"),
            pytest.param(sample("customer", id="cus_2", livemode=False), "/v1/customers/cus_2", id="customer"),
        ],
    )
    async def test_objects_without_such_a_list_are_not_waited_for(
        self, workers: Workers, made: JsonObject, url: str
    ) -> None:
        workers.stripe.objects[url] = made
        name = str(made["object"])
        await workers.deliver(event(f"{name if '.' in name else f'v1.{name}'}.created", made, url=url))
        assert workers.busy.sleeps == [PAUSE]
