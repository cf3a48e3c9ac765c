"""Harnesses with work for each job of reconcile."""

from urllib.parse import urlencode

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.table.items import Item
from billing_mirror.reconcile.jobs.recover import OVERLAP, PATH
from billing_mirror.reconcile.usage.pairs import PAIRS, STILL_CHANGING
from tests.doubles.samples import cadence, event, rate, subscription, subscription_event, version
from tests.unit.harness import Harness

OBJECT_TYPE = TYPES["v2.billing.rate_card_subscription"]
LIST = "/v2/billing/rate_card_subscriptions"


def at(harness: Harness, *bodies: JsonObject, listed: tuple[JsonObject, ...] = ()) -> None:
    """Stripe's objects, and where they differ, what the lists show."""
    harness.stripe.objects = {"/v2/billing/cadences/bc_1": cadence()}
    harness.stripe.objects |= {f"{LIST}/{body['id']}": body for body in bodies}
    others = {body["id"]: body for body in listed}
    everything = [others.pop(body["id"], body) for body in bodies]
    harness.stripe.lists = {
        LIST: [body for body in everything if body["servicing_status"] != "canceled"],
        f"{LIST}?servicing_status=canceled": [body for body in everything if body["servicing_status"] == "canceled"],
        f"{LIST}?servicing_status=paused": [],
        f"{LIST}?servicing_status=pending": [],
    }


async def drifted() -> Harness:
    """A mirror that differs from Stripe in every way."""
    harness = Harness()
    harness.stripe.page_size = 2
    same = [subscription(f"rcds_same{number}") for number in range(3)]
    before = [
        *same,
        *(subscription(f"rcds_{name}") for name in ("changed", "behind", "late", "gone", "hidden", "refused")),
        subscription("rcds_canceled", servicing_status="canceled"),
    ]
    at(harness, *before)
    await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in before))
    harness.clock.advance(100)
    at(
        harness,
        same[0],
        subscription("rcds_changed", collection_status="past_due"),
        subscription("rcds_behind"),
        subscription("rcds_missing"),
        subscription("rcds_late", collection_status="past_due"),
        same[1],
        subscription("rcds_refused", collection_status="past_due"),
        subscription("rcds_canceled", servicing_status="canceled"),
        same[2],
        listed=(
            subscription("rcds_behind", collection_status="unpaid"),
            subscription("rcds_late", collection_status="unpaid"),
        ),
    )
    harness.stripe.objects[f"{LIST}/rcds_hidden"] = subscription("rcds_hidden")

    async def refuse(path: str) -> None:
        if path.endswith("/rcds_refused"):
            raise PermanentError("Stripe answered 400")

    harness.stripe.before_answer = refuse
    return harness


async def empty() -> Harness:
    """Nothing is mirrored yet."""
    harness = Harness()
    harness.stripe.page_size = 2
    bodies = [subscription(f"rcds_{number}") for number in range(5)]
    at(harness, *bodies, subscription("rcds_canceled", servicing_status="canceled"))
    event_text = event("v2.billing.cadence.created", cadence(), url="/v2/billing/cadences/bc_1")
    await harness.deliver(event_text)
    harness.clock.advance(100)
    return harness


async def of_owners() -> Harness:
    """Only two owners of lists are mirrored; Stripe refuses to show the list of one."""
    harness = Harness()
    harness.stripe.page_size = 2
    card = "/v2/billing/rate_cards/rcd_1"
    for name in ("rcdv_1", "rcdv_2"):
        harness.stripe.objects[f"{card}/versions/{name}"] = version(name)
        made = version(name)
        url = f"{card}/versions/{name}"
        await harness.deliver(event("v2.billing.rate_card_version.created", made, url=url, identifier=f"evt_{name}"))
    harness.clock.advance(200)
    rates = [rate(f"rcdr_{number}", custom_pricing_unit_amount={"id": f"cpu_{number}"}) for number in range(3)]
    harness.stripe.objects |= {f"{card}/rates/{body['id']}": body for body in rates}
    harness.stripe.lists[f"{card}/rates?rate_card_version=rcdv_1"] = rates

    async def refuse(path: str) -> None:
        if path.endswith("rcdv_2"):
            raise PermanentError("Stripe answered 400")

    harness.stripe.lists[f"{card}/rates?rate_card_version=rcdv_2"] = []
    harness.stripe.before_answer = refuse
    harness.queue.waiting.clear()
    return harness


def thin(identifier: str, at: float, name: str) -> JsonObject:
    """An event as the list of events shows it."""
    return {**json_body.parse(subscription_event(identifier=identifier, at=at)), "id": name}


async def with_lost_events() -> Harness:
    """Events of two windows, some lost, and one that Stripe failed to generate."""
    harness = Harness()
    harness.stripe.page_size = 2
    at(harness, *(subscription(f"rcds_{number}") for number in range(6)))
    now = harness.clock.now()
    await harness.deliver(subscription_event(identifier="rcds_0", at=now - 3600))
    harness.queue.waiting.clear()
    unmade: JsonObject = {
        "id": "evt_unmade",
        "object": "v2.core.event",
        "type": "v2.core.health.event_generation_failure.resolved",
        "created": times.iso(now - 4000),
        "livemode": False,
    }
    impact: JsonObject = {
        "event_type": "v2.billing.rate_card_subscription.servicing_paused",
        "related_object": {
            "id": "rcds_4",
            "type": OBJECT_TYPE.name,
            "url": f"{LIST}/rcds_4",
        },
    }
    harness.stripe.objects["/v2/core/events/evt_unmade"] = {**unmade, "data": {"impact": impact}}
    watermark = now - 7 * 3600
    harness.stripe.lists[events_between(watermark, watermark + 6 * 3600)] = [
        thin("rcds_1", now - 6 * 3600, "evt_1"),
        thin("rcds_2", now - 5 * 3600, "evt_2"),
        thin("rcds_1", now - 4 * 3600, "evt_3"),
    ]
    harness.stripe.lists[events_between(watermark + 6 * 3600, now - 120)] = [
        thin("rcds_0", now - 3600, "evt_4"),
        unmade,
        thin("rcds_3", now - 600, "evt_5"),
        thin("rcds_5", now - 600, "no event's id"),
    ]
    done = Run(
        "recover", Job.RECOVER, started_at=now - 7 * 3600, finished_at=now - 7 * 3600, watermark=times.iso(watermark)
    )
    done.status = Status.COMPLETE
    await harness.state_store.write(harness.reconcile_dependencies.scope, "run:recover", done.name, done.to_item())
    return harness


def events_between(start: float, end: float) -> str:
    """Where a window of events is listed."""
    query = {"created[gte]": times.iso(start - OVERLAP), "created[lte]": times.iso(end)}
    return f"{PATH}?{urlencode(query)}"


async def used() -> Harness:
    """Metered customers: one by two subscriptions, one for whom Stripe does not answer, and two former ones."""
    harness = Harness()
    this_hour = int(harness.clock.now()) // 3600 * 3600
    for name, customer, status in (
        ("sub_1", "cus_1", "active"),
        ("sub_2", "cus_2", "active"),
        ("sub_3", "cus_1", "trialing"),
        ("sub_4", "cus_1", "active"),
    ):
        price: JsonObject = {"recurring": {"meter": "mtr_1"}}
        made: JsonObject = {
            "id": name,
            "object": "subscription",
            "customer": customer,
            "status": status,
            "created": this_hour - 100_000,
            "livemode": False,
            "items": {"object": "list", "data": [{"id": "si_1", "price": price}], "has_more": False},
        }
        url = f"/v1/subscriptions/{name}"
        harness.stripe.objects[url] = made
        await harness.deliver(event("v1.customer.subscription.updated", made, url=url, identifier=f"evt_{name}"))
    for customer, until in (("cus_ended", this_hour + 4000), ("cus_long_ended", this_hour - 1)):
        known: Item = {"pair": f"mtr_1/{customer}", "expires_at": until}
        await harness.state_store.write(harness.reconcile_dependencies.scope, PAIRS, f"mtr_1/{customer}", known)
    query = {"start_time": this_hour - STILL_CHANGING, "end_time": this_hour, "value_grouping_window": "hour"}
    for customer in ("cus_1", "cus_2", "cus_ended"):
        at = f"/v1/billing/meters/mtr_1/event_summaries?{urlencode({'customer': customer, **query})}"
        harness.stripe.lists[at] = [
            {"id": "mtrusg_1", "start_time": this_hour - 3600, "aggregated_value": 5, "livemode": False},
            {"id": "mtrusg_2", "start_time": this_hour - 7200, "aggregated_value": 6, "livemode": False},
        ]

    async def refuse(path: str) -> None:
        if "cus_2" in path:
            raise PermanentError("Stripe answered 400")

    harness.stripe.before_answer = refuse
    return harness
