"""Shared by the tests of the usage sweep: metered customers, their usage, and sweeps."""

from billing_mirror.core import times
from billing_mirror.core.catalog import USAGE
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Job, Run
from billing_mirror.core.table.items import Item
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from billing_mirror.reconcile.usage.pairs import STILL_CHANGING
from tests.doubles.samples import event
from tests.unit.harness import Harness

HOUR = 3600
DAY = 24 * HOUR
NOW = 1_700_000_000
THIS_HOUR = NOW // HOUR * HOUR
OLDEST = STILL_CHANGING // HOUR
SCOPE = Scope(livemode=False)


def v1_subscription(customer: str, *meters: str, status: str = "active") -> JsonObject:
    return {
        "id": f"sub_{customer}",
        "object": "subscription",
        "customer": customer,
        "status": status,
        "created": NOW - 10 * 24 * HOUR,
        "livemode": False,
        "items": {
            "object": "list",
            "data": [{"id": f"si_{meter}", "price": {"recurring": {"meter": meter}}} for meter in meters],
            "has_more": False,
        },
    }


async def subscribe(harness: Harness, body: JsonObject) -> None:
    url = f"/v1/subscriptions/{body['id']}"
    harness.stripe.objects[url] = body
    await harness.deliver(event("v1.customer.subscription.updated", body, url=url))


def hour(before: int, value: int = 1) -> JsonObject:
    """The sum of an hour, some hours before this one."""
    start = THIS_HOUR - before * HOUR
    return {
        "id": f"mtrusg_{value}",
        "object": "billing.meter_event_summary",
        "start_time": start,
        "end_time": start + HOUR,
        "aggregated_value": value,
        "livemode": False,
        "meter": "mtr_1",
    }


def summaries(meter: str, customer: str, this_hour: int = THIS_HOUR) -> str:
    """Where the sums are listed."""
    return (
        f"/v1/billing/meters/{meter}/event_summaries?customer={customer}&start_time={this_hour - STILL_CHANGING}"
        f"&end_time={this_hour}&value_grouping_window=hour"
    )


def used(harness: Harness, meter: str, customer: str, *hours: JsonObject) -> None:
    this_hour = int(harness.clock.now()) // HOUR * HOUR
    harness.stripe.lists[summaries(meter, customer, this_hour)] = [*hours]


async def swept(harness: Harness, *, seconds: float = 100.0) -> Run:
    harness.clock.advance(1)
    last = await last_run(USAGE.name, harness.reconcile_dependencies)
    going_on = last is not None and not last.finished_at
    run = (
        last
        if last is not None and going_on
        else await start_run(USAGE.name, Job.USAGE, last, harness.reconcile_dependencies)
    )
    return await execute_job(run, harness.reconcile_dependencies, until=harness.clock.now() + seconds)


def at(meter: str, customer: str, before: int) -> str:
    return f"{meter}/{customer}/{times.iso(THIS_HOUR - before * HOUR)}"


def hours(harness: Harness) -> dict[str, Item]:
    """Without the marker of the pair's last sweep, which is stored beside the hours."""
    held = [item for item in harness.mirror.objects.values() if item["type"] == USAGE.name and "data" in item]
    return {str(item["id"]): item for item in held}


async def stock(harness: Harness) -> Harness:
    """One customer who is billed by one meter, with two hours of usage."""
    await subscribe(harness, v1_subscription("cus_1", "mtr_1"))
    used(harness, "mtr_1", "cus_1", hour(1, 5), hour(2, 7))
    harness.stripe.requests.clear()
    return harness
