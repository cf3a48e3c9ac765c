"""What the tests of lost events have in common: events that Stripe lists, and runs that look for the lost ones."""

import pytest

from billing_mirror.core import json_body as bodies
from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.run import Job, Run, Status
from billing_mirror.core.schedule import EVENTS, Schedule
from billing_mirror.reconcile.recover import recover
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import House

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


async def with_watermark(house: House, ago: float) -> None:
    at = house.clock.now() - ago
    run = Run(EVENTS, Job.EVENTS, at, at, at, Status.COMPLETE, watermark=times.iso(at))
    await house.journal.write(SCOPE, f"run:{EVENTS}", run.name, run.entry())
