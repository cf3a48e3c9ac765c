"""Endless lists and answers hold up neither their own run nor other runs."""

import asyncio

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Job, Resolution, Run, Status
from billing_mirror.core.runs.schedule import HOUR, RECOVER, Schedule, next_job
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.reconcile.jobs.recover import PATH
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.samples import rate, rate_card, version
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import Harness

from .both_sides import SCOPE, mirror

RATE = TYPES["v2.billing.rate_card_rate"]
RATES = "/v2/billing/rate_cards/rcd_1/rates"
OF_VERSION = f"{RATES}?rate_card_version=rcdv_1"
SUBSCRIPTION = "v2.billing.rate_card_subscription"


async def one_version(harness: Harness, rates: int) -> None:
    """Both sides have a rate card version; Stripe has its rates, two on a page."""
    harness.stripe.page_size = 2
    await mirror(harness, rate_card())
    await mirror(harness, version(), parent="rcd_1")
    many: list[JsonObject] = [rate(f"rcdr_{number}") for number in range(rates)]
    harness.stripe.lists[OF_VERSION] = many
    harness.stripe.objects |= {f"{RATES}/{one['id']}": one for one in many}


async def cut_off_after(harness: Harness, requests: int, run: Run) -> Run:
    """Works on a run until some pages were requested."""
    left = requests

    async def count(path: str) -> None:
        nonlocal left
        left -= "rate_card_version" in path
        if left < 0:
            await asyncio.sleep(60)  # for longer than the tick lasts

    harness.stripe.before_answer = count
    run = await execute_job(run, harness.reconcile_dependencies, until=harness.clock.now() + 0.2)
    harness.stripe.before_answer = None
    return run


async def test_an_owners_list_that_takes_longer_than_a_tick_is_resumed_in_its_middle(harness: Harness) -> None:
    await one_version(harness, rates=100)
    run = await start_run(RATE.name, Job.BACKFILL, None, harness.reconcile_dependencies)
    run = await cut_off_after(harness, 30, run)
    assert (run.status, run.counts.pages) == (Status.RUNNING, 20)
    harness.stripe.requests.clear()
    run = await harness.run_now(RATE)
    lists = [path for path in harness.stripe.paths if "rate_card_version" in path]
    assert (run.complete, run.counts.compared, len(lists)) == (True, 100, 30)


async def test_inserted_objects_are_counted_once_where_a_resumed_list_restarts(
    harness: Harness,
) -> None:
    await one_version(harness, rates=100)
    run = await start_run(RATE.name, Job.BACKFILL, None, harness.reconcile_dependencies)
    run = await cut_off_after(harness, 30, run)
    assert (run.counts.inserted, len(harness.mirror.objects)) == (40, 2 + 60)
    harness.clock.advance(1)

    async def expire(path: str) -> None:
        if "rate_card_version" in path:
            harness.stripe.before_answer = None
            raise PermanentError("Stripe answered 400: the page is not known")

    harness.stripe.before_answer = expire
    run = await harness.run_now(RATE)
    assert (run.complete, run.counts.restarts, run.counts.inserted) == (True, 1, 100)


async def test_a_token_that_expires_in_an_owners_list_restarts_it(harness: Harness) -> None:
    await one_version(harness, rates=5)

    async def expire(path: str) -> None:
        if "rate_card_version" in path and "page=2" in path:
            harness.stripe.before_answer = None
            raise PermanentError("Stripe answered 400: the page is not known")

    harness.stripe.before_answer = expire
    run = await harness.run_now(RATE)
    assert (run.complete, run.counts.restarts, run.counts.lists_unreadable) == (True, 1, 0)
    assert {one.id for one in await harness.drifts(run)} >= {f"rcdr_{number}" for number in range(5)}


class Circle(MemoryStripe):
    """A Stripe whose list of events never ends."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        path = request.path
        if not path.startswith(PATH):
            return await super().get(request)
        page: JsonObject = {"data": [{"id": "evt_1", "type": "v2.other"}], "next_page_url": f"{PATH}?page={path[-1]}1"}
        return StripeResponse(page, json_body.write(page), self.version(request.api), "req_1")


async def test_an_event_list_that_leads_back_ends_its_run() -> None:
    harness = Harness(stripe=Circle())
    run = await start_run(RECOVER, Job.RECOVER, None, harness.reconcile_dependencies)
    run = await execute_job(run, harness.reconcile_dependencies, until=harness.clock.now() + 600)
    assert (run.status, run.reason) == (Status.FAILED, "the lists of events do not end")


def test_after_an_unfinished_recover_run_another_job_is_next() -> None:
    events = Run(RECOVER, Job.RECOVER, 0.0, updated_at=100.0)
    others = {
        object_type.name: Run(
            object_type.name, Job.VERIFY, 0.0, updated_at=50.0, finished_at=50.0, status=Status.COMPLETE
        )
        for object_type in Schedule().object_types
    }
    due = next_job({RECOVER: events, **others}, 2 * HOUR, Schedule(), livemode=False)
    assert due is not None
    assert due.name != RECOVER


async def test_an_object_whose_fetch_never_ends_is_unresolved(harness: Harness) -> None:
    body: JsonObject = {"id": "sub_1", "object": "subscription", "created": 1_600_000_000, "livemode": False}
    await mirror(harness, body)
    ref = ref_to(SCOPE, "subscription", "sub_1")
    harness.stripe.lists["/v1/subscriptions?status=all"] = [{**body, "status": "active"}]

    async def never(path: str) -> None:
        if path == ref.path:
            raise TimeoutError

    harness.stripe.before_answer = never
    run = await harness.run_now(TYPES["subscription"])
    found = {(one.difference, one.resolution, one.reason) for one in await harness.drifts(run) if one.id == "sub_1"}
    assert found <= {(Difference.DIFFERENT, Resolution.UNRESOLVED, "Stripe's answer does not end")}
    assert await last_run("subscription", harness.reconcile_dependencies) is not None
