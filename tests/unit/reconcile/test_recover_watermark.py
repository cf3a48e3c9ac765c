"""How far the list of events is read, and where the next run goes on."""

import pytest

from billing_mirror.core import times
from billing_mirror.core.errors import Gone, NotPermitted, Refused, Retryable
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.run import Job, Status
from billing_mirror.core.schedule import HOUR, MINUTE
from billing_mirror.reconcile.recover import KEPT, ON_ITS_WAY, OVERLAP, PATH, WINDOW
from billing_mirror.reconcile.runs.active_run import MOST_RESTARTS
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from tests.unit.harness import House

from .listed_events import NAME, queued, recovered, thin, with_watermark
from .listed_events import house as house


def windows(house: House) -> list[tuple[float, float]]:
    """The times between which events were asked for, in seconds before now."""
    queries = [asked.query for asked in house.stripe.asked if asked.place == PATH]
    now = house.clock.now() - 1
    return [(now - times.seconds(one["created[gte]"]), now - times.seconds(one["created[lte]"])) for one in queries]


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
