"""Shared by the tests of lost events: events that Stripe lists, and recover runs."""

import pytest

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import RECOVER, Schedule
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import Harness

NAME = "v2.billing.rate_card_subscription"
HOME = "/v2/billing/rate_card_subscriptions"
SCOPE = Scope(livemode=False)


@pytest.fixture
def harness() -> Harness:
    harness = Harness(schedule=Schedule(object_types=(TYPES[NAME], TYPES["customer"])))
    harness.stripe.objects = {f"{HOME}/rcds_{number}": subscription(f"rcds_{number}") for number in range(9)}
    harness.stripe.objects["/v2/billing/cadences/bc_1"] = cadence()
    return harness


def thin(harness: Harness, identifier: str, ago: float, name: str = "evt_1", **fields: Json) -> JsonObject:
    """An event that was created some seconds ago, as listed."""
    made = json_body.parse(subscription_event(identifier=identifier, at=harness.clock.now() - ago))
    return {**made, "id": name, **fields}


async def recovered(harness: Harness, seconds: float = 100.0) -> Run:
    last = await last_run(RECOVER, harness.reconcile_dependencies)
    going_on = last is not None and not last.finished_at
    run = (
        last
        if last is not None and going_on
        else await start_run(RECOVER, Job.RECOVER, last, harness.reconcile_dependencies)
    )
    run = await execute_job(run, harness.reconcile_dependencies, until=harness.clock.now() + seconds)
    harness.clock.advance(1)
    return run


def queued(harness: Harness) -> list[Json]:
    """The ids of the events that wait in the queue."""
    return [json_body.parse(message.body)["id"] for message in harness.queue.waiting]


async def with_watermark(harness: Harness, ago: float) -> None:
    at = harness.clock.now() - ago
    run = Run(RECOVER, Job.RECOVER, at, at, at, Status.COMPLETE, watermark=times.iso(at))
    await harness.state_store.write(SCOPE, f"run:{RECOVER}", run.name, run.to_item())
