"""Whatever does not come to an end holds up neither its own run for ever nor anybody else."""

import asyncio
from collections.abc import Sequence

from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import TYPES, ApiLine
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Refused
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import named
from billing_mirror.core.run import Job, Resolution, Run, Status
from billing_mirror.core.schedule import EVENTS, HOUR, Schedule, next_turn
from billing_mirror.ports import Answer
from billing_mirror.reconcile.recover import PATH, recover
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from billing_mirror.reconcile.verify import reconcile
from tests.doubles.samples import rate, rate_card, version
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import House

from .both_sides import SCOPE, mirror

RATE = TYPES["v2.billing.rate_card_rate"]
RATES = "/v2/billing/rate_cards/rcd_1/rates"
OF_VERSION = f"{RATES}?rate_card_version=rcdv_1"
SUBSCRIPTION = "v2.billing.rate_card_subscription"


async def one_version(house: House, rates: int) -> None:
    """Both sides have a version of a rate card; Stripe has its rates, two on a page."""
    house.stripe.page_size = 2
    await mirror(house, rate_card())
    await mirror(house, version(), parent="rcd_1")
    many: list[JsonObject] = [rate(f"rcdr_{number}") for number in range(rates)]
    house.stripe.lists[OF_VERSION] = many
    house.stripe.objects |= {f"{RATES}/{one['id']}": one for one in many}


async def cut_off_after(house: House, requests: int, run: Run) -> Run:
    """Works on a run until so many pages were asked for."""
    left = requests

    async def count(path: str) -> None:
        nonlocal left
        left -= "rate_card_version" in path
        if left < 0:
            await asyncio.sleep(60)  # for longer than the tick lasts

    house.stripe.before_answer = count
    run = await reconcile(RATE, run, house.watch, until=house.clock.now() + 0.2)
    house.stripe.before_answer = None
    return run


async def test_an_owners_list_that_takes_longer_than_a_tick_is_gone_on_with_in_its_middle(house: House) -> None:
    await one_version(house, rates=100)
    run = await begun(RATE.name, Job.BACKFILL, None, house.watch)
    run = await cut_off_after(house, 30, run)
    assert (run.status, run.counts.pages) == (Status.RUNNING, 20)
    house.stripe.asked.clear()
    run = await house.passed(RATE)
    lists = [path for path in house.stripe.paths if "rate_card_version" in path]
    assert (run.complete, run.counts.compared, len(lists)) == (True, 100, 30)


async def test_what_was_inserted_is_counted_once_where_a_list_that_was_gone_on_with_begins_again(house: House) -> None:
    await one_version(house, rates=100)
    run = await begun(RATE.name, Job.BACKFILL, None, house.watch)
    run = await cut_off_after(house, 30, run)
    assert (run.counts.inserted, len(house.mirror.objects)) == (40, 2 + 60)
    house.clock.advance(1)

    async def expire(path: str) -> None:
        if "rate_card_version" in path:
            house.stripe.before_answer = None
            raise Refused("Stripe answered 400: the page is not known")

    house.stripe.before_answer = expire
    run = await house.passed(RATE)
    assert (run.complete, run.counts.restarts, run.counts.inserted) == (True, 1, 100)


async def test_a_token_that_expires_in_an_owners_list_restarts_it(house: House) -> None:
    await one_version(house, rates=5)

    async def expire(path: str) -> None:
        if "rate_card_version" in path and "page=2" in path:
            house.stripe.before_answer = None
            raise Refused("Stripe answered 400: the page is not known")

    house.stripe.before_answer = expire
    run = await house.passed(RATE)
    assert (run.complete, run.counts.restarts, run.counts.unread) == (True, 1, 0)
    assert {one.id for one in await house.drifts(run)} >= {f"rcdr_{number}" for number in range(5)}


class Circle(MemoryStripe):
    """Stripe, whose list of events never ends."""

    async def get(
        self,
        path: str,
        *,
        api: ApiLine,
        context: str | None,
        include: Sequence[str] = (),
        event: str | None = None,
    ) -> Answer:
        if not path.startswith(PATH):
            return await super().get(path, api=api, context=context, include=include, event=event)
        page: JsonObject = {"data": [{"id": "evt_1", "type": "v2.other"}], "next_page_url": f"{PATH}?page={path[-1]}1"}
        return Answer(page, bodies.write(page), self.version(api), "req_1")


async def test_events_that_lead_back_end_their_run() -> None:
    house = House(stripe=Circle())
    run = await begun(EVENTS, Job.EVENTS, None, house.watch)
    run = await recover(run, house.watch, until=house.clock.now() + 600)
    assert (run.status, run.reason) == (Status.FAILED, "the lists of events do not come to an end")


def test_events_that_did_not_come_to_their_end_let_others_have_the_next_turn() -> None:
    events = Run(EVENTS, Job.EVENTS, 0.0, worked_at=100.0)
    others = {
        row.name: Run(row.name, Job.OBJECTS, 0.0, worked_at=50.0, finished_at=50.0, status=Status.COMPLETE)
        for row in Schedule().rows
    }
    turn = next_turn({EVENTS: events, **others}, 2 * HOUR, Schedule(), livemode=False)
    assert turn is not None
    assert turn.name != EVENTS


async def test_an_object_whose_look_has_no_end_is_unresolved(house: House) -> None:
    body: JsonObject = {"id": "sub_1", "object": "subscription", "created": 1_600_000_000, "livemode": False}
    await mirror(house, body)
    subject = named(SCOPE, "subscription", "sub_1")
    house.stripe.lists["/v1/subscriptions?status=all"] = [{**body, "status": "active"}]

    async def never(path: str) -> None:
        if path == subject.path:
            raise TimeoutError

    house.stripe.before_answer = never
    run = await house.passed(TYPES["subscription"])
    found = {(one.difference, one.resolution, one.reason) for one in await house.drifts(run) if one.id == "sub_1"}
    assert found <= {(Difference.DIFFERENT, Resolution.UNRESOLVED, "Stripe's answer does not come to an end")}
    assert await last_run("subscription", house.watch) is not None
