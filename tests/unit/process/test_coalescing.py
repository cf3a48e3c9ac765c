"""A fetch waits a moment for other events of its change, and for what another worker is about to store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Claim
from billing_mirror.ports import StripeRequest, StripeResponse
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, event, rate, sample, subscription, subscription_event, version
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

PAUSE = 0.075
REF = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
RATE = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"


@dataclass
class BusyClock(ManualClock):
    """Others work while a worker sleeps. ``sleeps`` are in seconds."""

    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await super().sleep(seconds)
        await asyncio.sleep(0)
        if self.meanwhile:
            await self.meanwhile.pop(0)()


class Workers(Harness):
    """The subscription is mirrored, and has changed since."""

    def __init__(self) -> None:
        self.busy = BusyClock()
        super().__init__(clock=self.busy)
        self.stripe.objects[SUBSCRIPTION] = subscription()
        self.stripe.objects[CADENCE] = cadence()

    async def start(self) -> None:
        await self.deliver(subscription_event(at=self.clock.now() - 100))
        self.pause = PAUSE
        self.clock.advance(1000)
        self.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
        self.stripe.requests.clear()

    @property
    def fetches(self) -> int:
        return self.stripe.paths.count(SUBSCRIPTION)

    async def claim(self) -> None:
        """Another worker claims, and gets no further."""
        self.token, _ = await self.mirror.claim(REF, self.clock.now())

    async def store(self) -> None:
        """And stores what it has fetched."""
        self.put()

    def put(self, **columns: object) -> None:
        body = subscription(servicing_status="canceled")
        seen = Observation(self.clock.now(), "", "", body, digest(REF.object_type, body))
        self.mirror.objects[REF.key] = {**item(REF, seen, "cus_1"), "token": self.token, **columns}  # type: ignore[dict-item]

    async def put_tombstone(self) -> None:
        self.put(deleted=True)

    async def nothing(self) -> None:
        pass

    async def send_long_ago(self, text: str) -> None:
        await self.queue.send(text, group="test")
        self.queue.waiting[-1].sent_at -= 60


@pytest.fixture
async def workers() -> Workers:
    made = Workers()
    await made.start()
    return made


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

    async def test_a_claim_within_the_margin_is_not_waited_for(self, workers: Workers) -> None:
        await workers.queue.send(subscription_event(), group="test")
        workers.clock.advance(workers.clock_skew_margin - 1)
        await workers.claim()
        workers.clock.advance(2)
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_a_claim_is_not_waited_for_that_is_later_than_one_of_two_messages(self, workers: Workers) -> None:
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


async def test_an_owner_that_another_worker_is_about_to_store_is_not_fetched(workers: Workers) -> None:
    """The customer of a subscription is that of its cadence, of which another worker has the event."""
    workers.pause = 0.0
    owner = ref_to(Scope(livemode=False), "v2.billing.cadence", "bc_9")
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")
    token, _ = await workers.mirror.claim(owner, workers.clock.now())

    async def store() -> None:
        body = cadence("bc_9", "cus_9")
        seen = Observation(workers.clock.now(), "", "", body, digest(owner.object_type, body))
        await workers.mirror.put(owner, token, item(owner, seen, "cus_9"))

    workers.busy.meanwhile += [workers.nothing, store]
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.stripe.paths) == (Outcome.STORED, [SUBSCRIPTION])
    assert workers.item("rcds_1")["customer"] == "cus_9"


@pytest.mark.parametrize("dead", [True, False], ids=["whose claim has failed", "without a claim"])
async def test_an_owner_without_a_worker_is_fetched_at_once(workers: Workers, *, dead: bool) -> None:
    workers.pause = 0.0
    if dead:
        await workers.mirror.claim(ref_to(Scope(livemode=False), "v2.billing.cadence", "bc_9"), workers.clock.now() - 6)
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")
    workers.stripe.objects["/v2/billing/cadences/bc_9"] = cadence("bc_9", "cus_9")
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.item("rcds_1")["customer"]) == ([], "cus_9")


@dataclass
class SlowStripe(MemoryStripe):
    """Lets others work before it answers."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        await asyncio.sleep(0)
        return await super().get(request)


class SlowMirror(MemoryMirror):
    """Lets others work before it shows the counters: several workers may find that there is none."""

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        found = await super().claims(refs)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize("mirror", [MemoryMirror(), SlowMirror()], ids=["one by one", "all at once"])
async def test_of_several_that_need_an_owner_the_first_fetches_it(workers: Workers, mirror: MemoryMirror) -> None:
    """Ten subscriptions of one cadence, which the mirror has never seen."""
    workers.mirror = mirror
    workers.stripe = SlowStripe(objects={"/v2/billing/cadences/bc_9": cadence("bc_9", "cus_9")})
    workers.start_container()
    names = [f"rcds_{number}" for number in range(10, 20)]
    for name in names:
        url = f"/v2/billing/rate_card_subscriptions/{name}"
        workers.stripe.objects[url] = subscription(name, billing_cadence="bc_9")
    results = await workers.deliver(*(subscription_event(identifier=name) for name in names))
    assert {result.outcome for result in results} == {Outcome.STORED}
    assert {workers.item(name)["customer"] for name in names} == {"cus_9"}
    assert workers.stripe.paths.count("/v2/billing/cadences/bc_9") == 1
    head, claim = workers.item("bc_9"), workers.mirror.counters["test#bc_9"]
    assert claim.claimed == head["token"] or claim.claimed_at == 0.0, "a claim that nothing follows is closed"


async def test_an_owner_that_stripe_lacks_leaves_no_claim_in_flight(workers: Workers) -> None:
    """Nothing retries it, so reconcile must not wait for it."""
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9", created="2020-01-01T00:00:00.000Z")
    await workers.deliver(subscription_event())
    assert workers.mirror.counters["test#bc_9"].claimed_at == 0.0


async def test_an_owner_that_stripe_refuses_leaves_no_claim_in_flight(workers: Workers) -> None:
    workers.pause = 0.0
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")

    async def refuse(path: str) -> None:
        if path == SUBSCRIPTION:
            workers.stripe.failures.append(PermanentError("Stripe answers 400"))

    workers.stripe.before_answer = refuse
    [result] = await workers.deliver(subscription_event())
    assert (result.outcome, workers.mirror.counters["test#bc_9"].claimed_at) == (Outcome.STORED, 0.0)
