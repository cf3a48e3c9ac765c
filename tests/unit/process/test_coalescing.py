"""A fetch waits a moment for other events of its change, and for what another worker is about to store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from tests.doubles.clock import ManualClock
from tests.doubles.samples import cadence, event, rate, sample, subscription, subscription_event, version
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
        self.queue.waiting[0].sent_at -= 60


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
    "columns", [{"deleted": True}, {"follow_ups_due": True}, {"missing_fields": ["discounts"]}], ids=str
)
async def test_a_write_that_leaves_something_to_do_answers_nothing(
    workers: Workers, columns: dict[str, object]
) -> None:
    async def store() -> None:
        workers.put(**columns)

    workers.busy.meanwhile += [workers.claim, store]
    [result] = await workers.deliver(subscription_event())
    assert workers.fetches == 1
    assert result.outcome is Outcome.SUPERSEDED  # its own write, which is older


async def test_the_claim_of_a_reconcile_run_is_not_waited_for(workers: Workers) -> None:
    """No queue repeats it."""

    async def claim() -> None:
        await workers.mirror.claim(REF, 0.0)

    workers.busy.meanwhile.append(claim)
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)


@pytest.mark.parametrize(("waiting", "sleeps"), [(0, [PAUSE]), (2, [PAUSE]), (3, []), (30, [])])
async def test_a_stream_of_events_does_not_put_off_the_fetch_for_ever(
    workers: Workers, waiting: int, sleeps: list[float]
) -> None:
    for _ in range(waiting):
        await workers.claim()
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.fetches) == (sleeps, 1)


async def test_a_counter_that_was_lost_is_no_later_claim(workers: Workers) -> None:
    """The object was restored with a token that its counter has never given."""

    async def lose_counter() -> None:
        await workers.claim()
        workers.token = 900

    workers.busy.meanwhile += [lose_counter, workers.store]
    [result] = await workers.deliver(subscription_event())
    assert result.outcome is Outcome.POSTPONED
    assert workers.mirror.counters[REF.key].claimed > 900


async def test_only_events_have_company(workers: Workers) -> None:
    request = RefreshRequest(livemode=False, type=REF.type, id=REF.id)
    await workers.deliver(write_message(request))
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
        await workers.send_long_ago(subscription_event())
        workers.clock.advance(-60 + workers.clock_skew_margin - 1)
        await workers.claim()
        workers.clock.advance(60)
        await workers.work()
        assert (workers.busy.sleeps, workers.fetches) == ([PAUSE], 1)

    async def test_a_claim_is_not_waited_for_that_is_later_than_one_of_two_messages(self, workers: Workers) -> None:
        for seconds in (60, 20):
            await workers.queue.send(subscription_event(), group="test")
            workers.queue.waiting[-1].sent_at -= seconds
        workers.clock.advance(-30)
        await workers.claim()
        workers.clock.advance(30)
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


@pytest.mark.parametrize("dead", [True, False], ids=["whose claim has died", "without a claim"])
async def test_an_owner_without_a_worker_is_fetched_at_once(workers: Workers, *, dead: bool) -> None:
    workers.pause = 0.0
    if dead:
        await workers.mirror.claim(ref_to(Scope(livemode=False), "v2.billing.cadence", "bc_9"), 0.0)
    workers.stripe.objects[SUBSCRIPTION] = subscription(billing_cadence="bc_9")
    workers.stripe.objects["/v2/billing/cadences/bc_9"] = cadence("bc_9", "cus_9")
    await workers.deliver(subscription_event())
    assert (workers.busy.sleeps, workers.item("rcds_1")["customer"]) == ([], "cus_9")
