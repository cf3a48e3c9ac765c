"""Which events are taken for lost, and how far they are read."""

from dataclasses import replace

import pytest

from billing_mirror.core import body as bodies
from billing_mirror.core import times
from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Gone, NotPermitted, Refused, Retryable
from billing_mirror.core.items import Observation, item
from billing_mirror.core.known import READ_LAG
from billing_mirror.core.run import Drift, Job, Resolution, Run, Status
from billing_mirror.core.schedule import DAY, EVENTS, HOUR, MINUTE, Schedule
from billing_mirror.core.subject import Scope, named
from billing_mirror.flows.events import KEPT, ON_ITS_WAY, OVERLAP, PATH, WINDOW, recover
from billing_mirror.flows.recorded import begun, last_run
from billing_mirror.flows.round import MOST_RESTARTS
from tests.doubles.samples import cadence, subscription, subscription_event

from .conftest import House

NAME = "v2.billing.rate_card_subscription"
HOME = "/v2/billing/rate_card_subscriptions"
SCOPE = Scope(livemode=False)


@pytest.fixture
def house() -> House:
    house = House(schedule=Schedule(rows=(TYPES[NAME], TYPES["customer"])))
    house.stripe.objects = {f"{HOME}/rcds_{number}": subscription(f"rcds_{number}") for number in range(9)}
    house.stripe.objects["/v2/billing/cadences/bc_1"] = cadence()
    return house


def thin(house: House, identifier: str, ago: float, name: str = "evt_1", **fields: Json) -> JsonObject:
    """An event that was made so many seconds ago, as it is listed."""
    made = bodies.read(subscription_event(identifier=identifier, at=house.clock.now() - ago))
    return {**made, "id": name, **fields}


async def recovered(house: House, seconds: float = 100.0) -> Run:
    last = await last_run(EVENTS, house.watch)
    going_on = last is not None and not last.finished_at
    run = last if last is not None and going_on else await begun(EVENTS, Job.EVENTS, last, house.watch)
    run = await recover(run, house.watch, until=house.clock.now() + seconds)
    house.clock.advance(1)
    return run


def queued(house: House) -> list[Json]:
    """The ids of the events that wait in the queue."""
    return [bodies.read(message.body)["id"] for message in house.queue.waiting]


def windows(house: House) -> list[tuple[float, float]]:
    """The times between which events were asked for, in seconds before now."""
    queries = [asked.query for asked in house.stripe.asked if asked.place == PATH]
    now = house.clock.now() - 1
    return [(now - times.seconds(one["created[gte]"]), now - times.seconds(one["created[lte]"])) for one in queries]


async def with_watermark(house: House, ago: float) -> None:
    at = house.clock.now() - ago
    run = Run(EVENTS, Job.EVENTS, at, at, at, Status.COMPLETE, watermark=times.iso(at))
    await house.journal.write(SCOPE, f"run:{EVENTS}", run.name, run.entry())


class TestAnEvent:
    async def test_whose_change_the_mirror_does_not_show_is_queued(self, house: House) -> None:
        house.stripe.events = [thin(house, "rcds_1", HOUR)]
        run = await recovered(house)
        assert (run.status, run.counts.compared, run.counts.queued, run.counts.equal) == (Status.COMPLETE, 1, 1, 0)
        assert [message.group for message in house.queue.waiting] == ["test:recovered"]
        await house.work()
        assert house.item("rcds_1")["data"] == subscription("rcds_1")

    async def test_that_was_received_before_the_fetch_is_covered_whatever_the_clocks_say(self, house: House) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() + 30))
        house.clock.advance(HOUR)
        house.stripe.events = [thin(house, "rcds_1", HOUR - 30)]
        assert ((await recovered(house)).counts.equal, queued(house)) == (1, [])

    async def test_that_was_made_after_what_was_received_is_lost(self, house: House) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now()))
        house.clock.advance(HOUR)
        house.stripe.events = [thin(house, "rcds_1", HOUR - 1)]
        assert ((await recovered(house)).counts.queued, queued(house)) == (1, ["evt_1"])

    @pytest.mark.parametrize(("lead", "count"), [(READ_LAG, 1), (READ_LAG + 1, 0)])
    async def test_is_covered_by_a_fetch_only_when_that_came_much_later(
        self, house: House, lead: float, count: int
    ) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() - DAY))
        house.stripe.events = [thin(house, "rcds_1", lead)]
        house.clock.advance(HOUR)
        assert (await recovered(house)).counts.queued == count

    async def test_is_not_covered_by_a_fetch_after_which_somebody_has_claimed(self, house: House) -> None:
        """Who claimed later may have fetched before the change, and would still replace what shows it."""
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() - DAY))
        await house.mirror.claim(named(SCOPE, NAME, "rcds_1"), 0.0)
        house.stripe.events = [thin(house, "rcds_1", HOUR)]
        assert (await recovered(house)).counts.queued == 1

    @pytest.mark.parametrize(("lead", "count"), [(READ_LAG, 1), (READ_LAG + 1, 0)])
    async def test_is_covered_by_a_page_only_when_that_came_very_much_later(
        self, house: House, lead: float, count: int
    ) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        seen = Observation(house.clock.now(), "", "", subscription())
        await house.mirror.put(subject, 0, item(subject, seen, "cus_1"))
        house.stripe.events = [thin(house, "rcds_1", lead)]
        house.clock.advance(HOUR)
        assert (await recovered(house)).counts.queued == count

    async def test_is_covered_by_a_fetch_that_is_on_its_way(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 600)]
        await house.mirror.claim(subject, house.clock.now() - 500)
        assert (await recovered(house)).counts.queued == 0

    async def test_is_not_covered_by_a_fetch_that_was_claimed_before_it(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 600)]
        await house.mirror.claim(subject, house.clock.now() - 700)
        assert (await recovered(house)).counts.queued == 1

    async def test_is_not_covered_by_a_fetch_that_has_died(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 2 * HOUR)]
        await house.mirror.claim(subject, house.clock.now() - 1.5 * HOUR)
        assert (await recovered(house)).counts.queued == 1

    async def test_of_several_about_one_object_only_the_newest_is_queued(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 1000, "evt_1"),
            thin(house, "rcds_1", 800, "evt_2"),
            thin(house, "rcds_2", 700, "evt_3"),
            thin(house, "rcds_1", 900, "evt_4"),
        ]
        run = await recovered(house)
        assert (sorted(map(str, queued(house))), run.counts.queued) == (["evt_2", "evt_3"], 2)

    async def test_of_a_kind_that_the_catalog_does_not_have_is_left_alone(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 600, type="v2.core.account.updated"),
            thin(house, "rcds_1", 600, type="v1.balance.available"),
            thin(house, "rcds_1", 600, type=None),
        ]
        run = await recovered(house)
        assert (run.counts.compared, run.counts.queued, run.counts.unresolved, queued(house)) == (3, 0, 0, [])

    @pytest.mark.parametrize("other", [{"livemode": True}, {"context": "acct_1"}])
    async def test_of_somebody_else_is_left_alone(self, house: House, other: dict[str, Json]) -> None:
        house.stripe.events = [{**thin(house, "rcds_1", 600), **other}]
        assert ((await recovered(house)).counts.queued, queued(house)) == (0, [])

    async def test_that_cannot_be_read_is_noted_and_the_others_are_recovered(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 700, "evt/../1"),
            thin(house, "rcds_1", 600, related_object={"id": "../..", "type": NAME, "url": f"{HOME}/../.."}),
            thin(house, "rcds_2", 600, "evt_2"),
        ]
        run = await recovered(house)
        drifts = await house.drifts(run)
        assert [(one.id, one.difference, one.resolution) for one in drifts] == [
            ("evt/../1", Difference.MISSING, Resolution.UNRESOLVED),
            ("evt_1", Difference.MISSING, Resolution.UNRESOLVED),
        ]
        assert all(one.reason for one in drifts)
        assert (run.status, queued(house)) == (Status.COMPLETE, ["evt_2"])

    async def test_that_was_just_made_is_left_to_its_webhook(self, house: House) -> None:
        house.stripe.events = [thin(house, "rcds_1", ON_ITS_WAY - 1)]
        run = await recovered(house)
        assert run.counts.compared == 0
        house.clock.advance(10)
        assert (await recovered(house)).counts.queued == 1

    async def test_that_is_listed_late_is_found_by_the_next_run(self, house: House) -> None:
        await recovered(house)
        house.clock.advance(300)
        house.stripe.events = [thin(house, "rcds_1", OVERLAP)]
        assert (await recovered(house)).counts.queued == 1


class TestTheWatermark:
    async def test_begins_as_long_ago_as_stripe_keeps_events(self, house: House) -> None:
        run = await recovered(house)
        assert windows(house)[0] == pytest.approx((KEPT + OVERLAP, KEPT - WINDOW), abs=0.01)
        assert windows(house)[-1][1] == pytest.approx(ON_ITS_WAY, abs=0.01)
        assert len(windows(house)) == KEPT / WINDOW
        assert run.watermark == times.iso(house.clock.now() - 1 - ON_ITS_WAY)

    async def test_is_where_the_next_run_goes_on_with_some_overlap(self, house: House) -> None:
        await recovered(house)
        house.clock.advance(300)
        house.stripe.asked.clear()
        await recovered(house)
        assert windows(house) == [pytest.approx((ON_ITS_WAY + 301 + OVERLAP, ON_ITS_WAY), abs=0.01)]

    async def test_moves_only_when_a_window_was_read_to_its_end(self, house: House) -> None:
        await with_watermark(house, 2 * WINDOW + HOUR)
        house.stripe.page_size = 1
        house.stripe.events = [
            thin(house, "rcds_1", 2 * WINDOW, "evt_1"),
            thin(house, "rcds_2", WINDOW, "evt_2"),
            thin(house, "rcds_3", WINDOW - HOUR, "evt_3"),
        ]
        start = times.iso(house.clock.now() - 2 * WINDOW - HOUR + WINDOW)

        async def break_off(path: str) -> None:
            if "page=1" in path:
                raise NotPermitted("Stripe answered 403")

        house.stripe.before_answer = break_off
        run = await recovered(house)
        assert (run.status, run.watermark) == (Status.UNAUTHORIZED, start)
        house.stripe.before_answer = None
        house.queue.waiting.clear()
        run = await recovered(house)
        assert run.complete
        assert set(queued(house)) >= {"evt_2", "evt_3"}

    async def test_is_where_a_run_that_was_stopped_goes_on(self, house: House) -> None:
        await with_watermark(house, 2 * WINDOW + HOUR)

        async def break_off(_: str) -> None:
            if len(house.stripe.asked) == 3:
                raise Retryable("Stripe answered 429", retry_after=3600)

        house.stripe.before_answer = break_off
        assert (await recovered(house)).status is Status.RUNNING
        house.stripe.before_answer = None
        run = await recovered(house)
        assert (run.complete, run.counts.pages, len(house.stripe.asked)) == (True, 3, 4)

    async def test_does_not_move_over_what_could_not_be_queued(self, house: House) -> None:
        await with_watermark(house, HOUR)
        house.stripe.events = [thin(house, "rcds_1", 600)]
        house.queue.down = True
        run = await recovered(house)
        assert (run.status, run.watermark) == (Status.RUNNING, times.iso(house.clock.now() - 1 - HOUR))
        house.queue.down = False
        assert ((await recovered(house)).complete, queued(house)) == (True, ["evt_1"])

    async def test_older_than_what_stripe_keeps_has_all_types_compared(self, house: House) -> None:
        await with_watermark(house, KEPT + MINUTE)
        assert (await recovered(house)).complete
        for row in house.schedule.rows:
            run = await last_run(row.name, house.watch)
            assert run is not None
            assert run.status is Status.RUNNING

    async def test_within_what_stripe_keeps_has_none_compared(self, house: House) -> None:
        await with_watermark(house, KEPT - MINUTE)
        await recovered(house)
        assert await last_run(NAME, house.watch) is None

    async def test_older_than_what_stripe_keeps_leaves_a_run_that_is_going_on(self, house: House) -> None:
        await with_watermark(house, KEPT + MINUTE)
        before = await begun(NAME, Job.BACKFILL, None, house.watch)
        await recovered(house)
        assert await last_run(NAME, house.watch) == before


class TestAWindowThatTakesLongerThanATick:
    async def test_is_gone_on_with_even_if_it_is_as_old_as_stripe_keeps_events(self, house: House) -> None:
        house.stripe.page_size = 1
        age = KEPT - HOUR
        house.stripe.events = [thin(house, f"rcds_{one}", age - one, f"evt_{one}") for one in range(1, 4)]
        asked: list[str] = []

        async def stop(path: str) -> None:
            asked.append(path)
            if len(asked) == 3:
                raise Retryable("Stripe answered 500", retry_after=3600)

        house.stripe.before_answer = stop
        assert (await recovered(house)).status is Status.RUNNING
        house.stripe.before_answer = None
        house.clock.advance(900)
        run = await recovered(house)
        assert (run.complete, set(queued(house))) == (True, {"evt_1", "evt_2", "evt_3"})
        assert await last_run(NAME, house.watch) is None, "nothing was too old"


class TestAPage:
    async def test_whose_token_has_expired_has_its_window_read_again_and_counted(self, house: House) -> None:
        await with_watermark(house, HOUR)
        house.stripe.page_size = 1
        house.stripe.events = [thin(house, f"rcds_{one}", 600 - one, f"evt_{one}") for one in range(1, 4)]

        async def expire(path: str) -> None:
            if "page=2" in path:
                house.stripe.before_answer = None
                raise Refused("Stripe answered 400: the page is not known")

        house.stripe.before_answer = expire
        run = await recovered(house)
        assert (run.complete, run.counts.restarts) == (True, 1)
        assert set(queued(house)) == {"evt_1", "evt_2", "evt_3"}

    @pytest.mark.parametrize("error", [Refused("Stripe answered 400"), Gone("nothing there")])
    async def test_whose_token_always_expires_ends_the_run(self, house: House, error: Exception) -> None:
        await with_watermark(house, HOUR)
        house.stripe.page_size = 1
        house.stripe.events = [thin(house, f"rcds_{one}", 600, f"evt_{one}") for one in range(1, 4)]

        async def expire(path: str) -> None:
            if "page=" in path:
                raise error

        house.stripe.before_answer = expire
        run = await recovered(house)
        assert (run.status, run.counts.restarts) == (Status.FAILED, MOST_RESTARTS + 1)
        assert run.reason == "the lists of events do not come to an end"

    async def test_that_leads_elsewhere_ends_the_run(self, house: House) -> None:
        await with_watermark(house, HOUR)
        [(start, stop)] = [(HOUR + OVERLAP, ON_ITS_WAY)]
        now = house.clock.now()
        query = f"created%5Bgte%5D={times.iso(now - start)}&created%5Blte%5D={times.iso(now - stop)}"
        elsewhere: JsonObject = {"data": [], "next_page_url": "/v2/core/accounts?page=1"}
        house.stripe.objects[f"{PATH}?limit=100&{query}".replace(":", "%3A")] = elsewhere
        run = await recovered(house)
        assert run.status is Status.FAILED
        assert run.reason == f"the next page of {PATH} is said to be somewhere else"


class TestAnEventThatWasNeverGenerated:
    def failure(self, house: House, **impact: Json) -> JsonObject:
        name = "v2.core.health.event_generation_failure.resolved"
        told = thin(house, "rcds_1", 600, "evt_failure", type=name, related_object=None)
        related: JsonObject = {"id": "rcds_1", "type": NAME, "url": f"{HOME}/rcds_1"}
        data: JsonObject = {"impact": {"event_type": f"{NAME}.servicing_paused", "related_object": related, **impact}}
        house.stripe.objects[f"{PATH}/evt_failure"] = {**told, "data": data}
        return told

    async def test_is_queued_and_its_type_compared(self, house: House) -> None:
        house.stripe.events = [self.failure(house)]
        run = await recovered(house)
        assert (run.counts.queued, queued(house)) == (1, ["evt_failure"])
        await house.work()
        assert house.item("rcds_1")["data"] == subscription("rcds_1")
        compared = await last_run(NAME, house.watch)
        assert compared is not None
        assert compared.status is Status.RUNNING
        assert await last_run("customer", house.watch) is None

    async def test_is_seen_to_once(self, house: House) -> None:
        house.stripe.events = [self.failure(house)]
        await recovered(house)
        first = await last_run(NAME, house.watch)
        assert first is not None
        done = replace(first, status=Status.COMPLETE, finished_at=house.clock.now())
        await house.journal.write(SCOPE, f"run:{NAME}", done.name, done.entry())
        house.stripe.asked.clear()
        await recovered(house)
        assert f"{PATH}/evt_failure" not in house.stripe.paths
        assert await last_run(NAME, house.watch) == done

    async def test_whose_failure_has_an_id_that_leads_elsewhere_is_noted_and_not_asked_for(self, house: House) -> None:
        house.stripe.events = [{**self.failure(house), "id": "../accounts"}]
        run = await recovered(house)
        assert [(one.id, one.resolution) for one in await house.drifts(run)] == [("../accounts", Resolution.UNRESOLVED)]
        assert {asked.place for asked in house.stripe.asked} == {PATH}

    async def test_of_somebody_else_is_left_alone(self, house: House) -> None:
        house.stripe.events = [self.failure(house, context="acct_1")]
        await recovered(house)
        assert (queued(house), await last_run(NAME, house.watch)) == ([], None)

    async def test_of_a_kind_that_the_catalog_does_not_have_is_left_alone(self, house: House) -> None:
        house.stripe.events = [self.failure(house, event_type="v2.core.account.updated")]
        assert (await recovered(house)).complete
        assert (queued(house), await last_run(NAME, house.watch)) == ([], None)


async def test_what_the_evidence_tells_of_an_event_is_no_drift_of_an_object(house: House) -> None:
    house.stripe.events = [thin(house, "rcds_1", 700, "evt/1")]
    [drift] = await house.drifts(await recovered(house))
    assert drift == Drift("evt/1", Difference.MISSING, Resolution.UNRESOLVED, reason=drift.reason)
    assert drift.type == EVENTS
