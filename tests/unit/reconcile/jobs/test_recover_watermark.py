"""How far the list of events is read, and where the next run resumes."""

import pytest

from billing_mirror.core import times
from billing_mirror.core.errors import NotFound, PermanentError, PermissionDenied, TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import EVENTS_KEPT, HOUR, MINUTE, RECOVER
from billing_mirror.reconcile.jobs.recover import OVERLAP, PATH, WEBHOOK_DELAY, WINDOW
from billing_mirror.reconcile.report import UNTIL_NOW, TickReport
from billing_mirror.reconcile.runs.active_run import MAX_RESTARTS
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from billing_mirror.reconcile.tick import run_on_demand
from tests.unit.harness import Harness

from ..listed_events import NAME, queued, recovered, thin, with_watermark
from ..listed_events import harness as harness


def windows(harness: Harness) -> list[tuple[float, float]]:
    """The windows of events that were requested, in seconds before now."""
    queries = [request.query for request in harness.stripe.requests if request.path == PATH]
    now = harness.clock.now() - 1
    return [(now - times.seconds(one["created[gte]"]), now - times.seconds(one["created[lte]"])) for one in queries]


class TestTheWatermark:
    async def test_starts_as_long_ago_as_stripe_keeps_events(self, harness: Harness) -> None:
        run = await recovered(harness)
        assert windows(harness)[0] == pytest.approx((EVENTS_KEPT + OVERLAP, EVENTS_KEPT - WINDOW), abs=0.01)
        assert windows(harness)[-1][1] == pytest.approx(WEBHOOK_DELAY, abs=0.01)
        assert len(windows(harness)) == EVENTS_KEPT / WINDOW
        assert run.watermark == times.iso(harness.clock.now() - 1 - WEBHOOK_DELAY)

    async def test_is_where_the_next_run_starts_with_some_overlap(self, harness: Harness) -> None:
        await recovered(harness)
        harness.clock.advance(300)
        harness.stripe.requests.clear()
        await recovered(harness)
        assert windows(harness) == [pytest.approx((WEBHOOK_DELAY + 301 + OVERLAP, WEBHOOK_DELAY), abs=0.01)]

    async def test_moves_only_when_a_window_was_read_to_its_end(self, harness: Harness) -> None:
        await with_watermark(harness, 2 * WINDOW + HOUR)
        harness.stripe.page_size = 1
        harness.stripe.events = [
            thin(harness, "rcds_1", 2 * WINDOW, "evt_1"),
            thin(harness, "rcds_2", WINDOW, "evt_2"),
            thin(harness, "rcds_3", WINDOW - HOUR, "evt_3"),
        ]
        start = times.iso(harness.clock.now() - 2 * WINDOW - HOUR + WINDOW)

        async def break_off(path: str) -> None:
            if "page=1" in path:
                raise PermissionDenied("Stripe answered 403")

        harness.stripe.before_answer = break_off
        run = await recovered(harness)
        assert (run.status, run.watermark) == (Status.UNAUTHORIZED, start)
        harness.stripe.before_answer = None
        harness.queue.waiting.clear()
        run = await recovered(harness)
        assert run.complete
        assert set(queued(harness)) >= {"evt_2", "evt_3"}

    async def test_is_where_a_stopped_run_resumes(self, harness: Harness) -> None:
        await with_watermark(harness, 2 * WINDOW + HOUR)

        async def break_off(_: str) -> None:
            if len(harness.stripe.requests) == 3:
                raise TransientError("Stripe answered 429", retry_after=3600)

        harness.stripe.before_answer = break_off
        assert (await recovered(harness)).status is Status.RUNNING
        harness.stripe.before_answer = None
        run = await recovered(harness)
        assert (run.complete, run.counts.pages, len(harness.stripe.requests)) == (True, 3, 4)

    async def test_does_not_move_past_events_that_could_not_be_queued(self, harness: Harness) -> None:
        await with_watermark(harness, HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", 600)]
        harness.queue.down = True
        run = await recovered(harness)
        assert (run.status, run.watermark) == (Status.RUNNING, times.iso(harness.clock.now() - 1 - HOUR))
        harness.queue.down = False
        assert ((await recovered(harness)).complete, queued(harness)) == (True, ["evt_1"])

    async def test_older_than_the_events_that_stripe_keeps_has_all_types_verified(self, harness: Harness) -> None:
        await with_watermark(harness, EVENTS_KEPT + MINUTE)
        assert (await recovered(harness)).complete
        for object_type in harness.schedule.object_types:
            run = await last_run(object_type.name, harness.reconcile_dependencies)
            assert run is not None
            assert run.status is Status.RUNNING

    async def test_within_the_events_that_stripe_keeps_has_no_type_verified(self, harness: Harness) -> None:
        await with_watermark(harness, EVENTS_KEPT - MINUTE)
        await recovered(harness)
        assert await last_run(NAME, harness.reconcile_dependencies) is None

    async def test_older_than_the_events_that_stripe_keeps_leaves_running_runs_alone(self, harness: Harness) -> None:
        await with_watermark(harness, EVENTS_KEPT + MINUTE)
        before = await start_run(NAME, Job.BACKFILL, None, harness.reconcile_dependencies)
        await recovered(harness)
        assert await last_run(NAME, harness.reconcile_dependencies) == before


class TestAWindowThatTakesLongerThanATick:
    async def test_is_resumed_even_if_it_is_as_old_as_stripe_keeps_events(self, harness: Harness) -> None:
        harness.stripe.page_size = 1
        age = EVENTS_KEPT - HOUR
        harness.stripe.events = [thin(harness, f"rcds_{one}", age - one, f"evt_{one}") for one in range(1, 4)]
        paths: list[str] = []

        async def stop(path: str) -> None:
            paths.append(path)
            if len(paths) == 3:
                raise TransientError("Stripe answered 500", retry_after=3600)

        harness.stripe.before_answer = stop
        assert (await recovered(harness)).status is Status.RUNNING
        harness.stripe.before_answer = None
        harness.clock.advance(900)
        run = await recovered(harness)
        assert (run.complete, set(queued(harness))) == (True, {"evt_1", "evt_2", "evt_3"})
        assert await last_run(NAME, harness.reconcile_dependencies) is None, "nothing was too old"


class TestAPage:
    async def test_whose_token_has_expired_has_its_window_read_again_and_counted(self, harness: Harness) -> None:
        await with_watermark(harness, HOUR)
        harness.stripe.page_size = 1
        harness.stripe.events = [thin(harness, f"rcds_{one}", 600 - one, f"evt_{one}") for one in range(1, 4)]

        async def expire(path: str) -> None:
            if "page=2" in path:
                harness.stripe.before_answer = None
                raise PermanentError("Stripe answered 400: the page is not known")

        harness.stripe.before_answer = expire
        run = await recovered(harness)
        assert (run.complete, run.counts.restarts) == (True, 1)
        assert set(queued(harness)) == {"evt_1", "evt_2", "evt_3"}

    @pytest.mark.parametrize("error", [PermanentError("Stripe answered 400"), NotFound("nothing there")])
    async def test_whose_token_always_expires_ends_the_run(self, harness: Harness, error: Exception) -> None:
        await with_watermark(harness, HOUR)
        harness.stripe.page_size = 1
        harness.stripe.events = [thin(harness, f"rcds_{one}", 600, f"evt_{one}") for one in range(1, 4)]

        async def expire(path: str) -> None:
            if "page=" in path:
                raise error

        harness.stripe.before_answer = expire
        run = await recovered(harness)
        assert (run.status, run.counts.restarts) == (Status.FAILED, MAX_RESTARTS + 1)
        assert run.reason == "the lists of events do not end"

    async def test_that_leads_to_another_url_ends_the_run(self, harness: Harness) -> None:
        await with_watermark(harness, HOUR)
        [(start, stop)] = [(HOUR + OVERLAP, WEBHOOK_DELAY)]
        now = harness.clock.now()
        query = f"created%5Bgte%5D={times.iso(now - start)}&created%5Blte%5D={times.iso(now - stop)}"
        elsewhere: JsonObject = {"data": [], "next_page_url": "/v2/core/accounts?page=1"}
        harness.stripe.objects[f"{PATH}?limit=100&{query}".replace(":", "%3A")] = elsewhere
        run = await recovered(harness)
        assert run.status is Status.FAILED
        assert run.reason == f"the next page of {PATH} is said to be somewhere else"


class TestARequestedRecover:
    """Reads also the newest events where a person wants it."""

    LEFT = RunRequest(((RECOVER, Job.RECOVER),))
    NOW = RunRequest(((RECOVER, Job.RECOVER),), until_now=True)

    async def _recovered(self, request: RunRequest, harness: Harness) -> TickReport:
        harness.stripe.events = [thin(harness, "rcds_1", WEBHOOK_DELAY / 2)]
        return await run_on_demand(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)

    async def test_leaves_the_last_two_minutes_to_their_webhooks_and_says_so(self, harness: Harness) -> None:
        report = await self._recovered(self.LEFT, harness)
        assert queued(harness) == []
        runs = report.answer()["runs"]
        assert isinstance(runs, dict)
        assert runs[RECOVER]["note"] == UNTIL_NOW

    async def test_reads_until_now_where_that_is_requested(self, harness: Harness) -> None:
        report = await self._recovered(self.NOW, harness)
        assert queued(harness) == ["evt_1"]
        [worked] = report.worked
        assert worked.run.watermark == times.iso(worked.run.started_at)
        assert "note" not in str(report.answer())

    async def test_replaces_a_running_one_that_would_leave_them_out(self, harness: Harness) -> None:
        running = await start_run(RECOVER, Job.RECOVER, None, harness.reconcile_dependencies)
        harness.clock.advance(1)
        report = await run_on_demand(self.NOW, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
        [worked] = report.worked
        assert (worked.run.until_now, worked.run.started_at > running.started_at) == (True, True)
        again = await run_on_demand(self.LEFT, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
        assert not again.worked[0].run.until_now


class TestARecoverOfEarlierEvents:
    """Reads events again where a person names a time, and forgets nothing of what was read."""

    def _since(self, harness: Harness, ago: float) -> RunRequest:
        return RunRequest(((RECOVER, Job.RECOVER),), since=harness.clock.now() - ago)

    async def _recovered(self, request: RunRequest, harness: Harness) -> TickReport:
        return await run_on_demand(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)

    async def test_queues_what_the_mirror_does_not_reflect(self, harness: Harness) -> None:
        await with_watermark(harness, HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", 3 * WINDOW), thin(harness, "rcds_2", 4 * WINDOW, "evt_2")]
        [worked] = (await self._recovered(self._since(harness, 3 * WINDOW + HOUR), harness)).worked
        assert (worked.run.complete, queued(harness)) == (True, ["evt_1"])

    async def test_never_moves_the_watermark_back(self, harness: Harness) -> None:
        await with_watermark(harness, HOUR)
        before = times.iso(harness.clock.now() - HOUR)

        async def stop(_: str) -> None:
            if len(harness.stripe.requests) == 3:
                raise TransientError("Stripe answered 429", retry_after=3600)

        harness.stripe.before_answer = stop
        [worked] = (await self._recovered(self._since(harness, 5 * WINDOW), harness)).worked
        assert (worked.run.status, worked.run.watermark) == (Status.RUNNING, before)
        harness.stripe.before_answer = None
        run = await recovered(harness)
        assert (run.complete, run.counts.pages, len(harness.stripe.requests)) == (True, 5, 6), "read pages stay read"
        assert run.watermark > before

    async def test_skips_nothing_that_was_not_read(self, harness: Harness) -> None:
        await with_watermark(harness, 2 * WINDOW)
        harness.stripe.events = [thin(harness, "rcds_1", WINDOW + HOUR)]
        await self._recovered(self._since(harness, HOUR), harness)
        assert queued(harness) == ["evt_1"]

    async def test_reads_all_that_stripe_keeps_where_nothing_was_read(self, harness: Harness) -> None:
        harness.stripe.events = [thin(harness, "rcds_1", EVENTS_KEPT - HOUR)]
        await self._recovered(self._since(harness, HOUR), harness)
        assert queued(harness) == ["evt_1"]

    async def test_verifies_all_types_where_events_were_lost_before_it(self, harness: Harness) -> None:
        await with_watermark(harness, EVENTS_KEPT + MINUTE)
        await self._recovered(self._since(harness, HOUR), harness)
        assert await last_run(NAME, harness.reconcile_dependencies) is not None

    async def test_replaces_a_running_one_that_begins_later(self, harness: Harness) -> None:
        running = await start_run(RECOVER, Job.RECOVER, None, harness.reconcile_dependencies)
        harness.clock.advance(1)
        request = self._since(harness, WINDOW)
        [worked] = (await self._recovered(request, harness)).worked
        assert (worked.run.since, worked.run.started_at > running.started_at) == (request.since, True)

    async def test_resumes_a_running_one_that_begins_earlier(self, harness: Harness) -> None:
        earlier = self._since(harness, 2 * WINDOW).since
        running = await start_run(RECOVER, Job.RECOVER, None, harness.reconcile_dependencies, since=earlier)
        [worked] = (await self._recovered(self._since(harness, WINDOW), harness)).worked
        assert worked.run.started_at == running.started_at

    async def test_is_not_forgotten_by_the_run_that_replaces_it(self, harness: Harness) -> None:
        earlier = self._since(harness, 2 * WINDOW).since
        await start_run(RECOVER, Job.RECOVER, None, harness.reconcile_dependencies, since=earlier)
        harness.clock.advance(1)
        request = RunRequest(((RECOVER, Job.RECOVER),), until_now=True)
        [worked] = (await self._recovered(request, harness)).worked
        assert (worked.run.until_now, worked.run.since) == (True, earlier)

    async def test_is_for_one_run_only(self, harness: Harness) -> None:
        await self._recovered(self._since(harness, WINDOW), harness)
        harness.clock.advance(MINUTE)
        [worked] = (await self._recovered(RunRequest(((RECOVER, Job.RECOVER),)), harness)).worked
        assert worked.run.since == 0
