"""Which changes at Stripe does a benchmark of events make, and what is the least that they can cost?"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from billing_mirror.core.events import backoff
from billing_mirror.core.events.messages import WEBHOOK_GROUP, read_notification, write_message
from billing_mirror.core.json_body import JsonObject
from dev.benchmarks.events.model.stack import Stack
from dev.fake_stripe.client import StandIn

ITEM, CARD, RATE = "v2.billing.metered_item", "v2.billing.rate_card", "v2.billing.rate_card_rate"
CADENCE, SUBSCRIPTION = "v2.billing.cadence", "v2.billing.rate_card_subscription"

ENDPOINT_LIMIT, ACCOUNT_LIMIT = 25, 100
"""Requests a second that Stripe answers, per endpoint and in all: https://docs.stripe.com/rate-limits"""

ANSWER_SECONDS = 0.08
"""The time that Stripe takes to answer."""
WAITED = 6.0
"""Seconds for which a backlog has waited: longer than two clocks may differ, ``ClockSkewMarginSeconds``."""
REFUSED_OBJECTS = 50
"""Objects of the backlog in which each message is refused once. They are few: a long row of 429 measures how slowly
the rate grows again, and not how soon a message is tried again."""
OUR_SHARE = 0.15
"""Seconds that are ours, of those in which a lone event is stored."""
LONE, LONE_RATE = round(ANSWER_SECONDS + OUR_SHARE, 2), round(2 * ANSWER_SECONDS + OUR_SHARE, 2)
"""Seconds in which a lone event is stored, and one of a rate, whose parent only the fetched event names."""

Step = Callable[[], object]
Steps = Iterator[tuple[float, Step]]
"""Changes, each after some seconds."""


@dataclass(frozen=True)
class Goals:
    """Upper bounds; None where a scenario has none."""

    per_floor: float | None = None
    """Requests, relative to the floor."""
    requests: int | None = None
    writes: int | None = None
    """Write units of the table, the budget's left out."""
    p99: float | None = None
    """Seconds from an event's creation to the write that shows it."""
    per_ideal: float | None = None
    """Seconds until all is stored, relative to what the limits allow."""
    refused: float | None = None
    """The percentage of requests that Stripe refused for now: 429, or an error of its own."""
    cpu: float | None = None
    """Processor time of process for an event, relative to the sequential handler."""
    usd: float | None = None
    """USD for a million such events."""


@dataclass(frozen=True)
class Prepared:
    """What a scenario will do. ``floor`` is the least number of requests, ``objects`` the number that it changes."""

    steps: Steps
    objects: int
    floor: int
    ideal: float = 0.0
    """Seconds from the first change until all could be stored, by Stripe's limits."""


@dataclass(frozen=True)
class Scenario:
    name: str
    prepare: Callable[[Stack], Prepared]
    goals: Goals
    all_at_once: bool = False
    """Whether the functions start when all messages are in the queue."""


def live_scenarios(scale: float = 1.0) -> Sequence[Scenario]:
    """Events that come while the functions run. ``scale`` shrinks the scenarios for a quick run."""

    def n(count: int) -> int:
        return max(2, round(count * scale))

    life = Goals(per_floor=1.1)
    alone = Goals(per_floor=1.1, usd=8.0)
    limits = Goals(per_floor=1.1, per_ideal=1.1, refused=0.5, usd=5.0)
    return (
        lone_events(n(10), pause=2.0),
        Scenario("lone new rates", lambda stack: _lone_rates(stack.stripe, n(10)), Goals(per_floor=1.1, p99=LONE_RATE)),
        Scenario("burst, 5 events/s", lambda stack: _burst(stack.stripe, n(190), 5), alone),
        Scenario("burst, 20 events/s", lambda stack: _burst(stack.stripe, n(190), 20), life),
        Scenario("burst, 50 events/s", lambda stack: _burst(stack.stripe, n(190), 50), limits),
        *(
            Scenario(f"objects of {kilobytes} KB", partial(_sized, count=n(60), kilobytes=kilobytes), Goals(cpu=0.7))
            for kilobytes in (1, 25, 200)
        ),
        Scenario("late duplicates", lambda stack: _late_duplicates(stack.stripe, n(100)), Goals(requests=0, writes=0)),
        Scenario("ten sign-ups", lambda stack: _sign_ups(stack.stripe, n(10)), Goals(per_floor=1.3)),
        Scenario("rate card, 200 rates", lambda stack: _rate_card(stack.stripe, n(200)), Goals(requests=20)),
        Scenario("one more rate", lambda stack: _one_more_rate(stack.stripe), Goals(per_floor=1.3)),
        Scenario("month end, 14 and 130 lines", lambda stack: _month_end(stack.stripe, n(10), n(4)), life),
        Scenario("webhook and EventBridge", lambda stack: _twice(stack, n(50)), life),
        Scenario(
            "50 objects at once", lambda stack: _at_once(stack.stripe, n(50)), Goals(per_floor=1.1, per_ideal=1.1)
        ),
        Scenario("hot type, 24 events/s", lambda stack: _hot(stack.stripe, n(240)), Goals(p99=2.0, refused=0.5)),
    )


def backlogs(events: int) -> Sequence[Scenario]:
    """So many events that wait when the functions start: of a twentieth as many objects, and of as many.

    The third backlog is small, whatever their size: see ``REFUSED_OBJECTS``.
    """
    return (
        Scenario(
            "backlog, 20 events an object",
            lambda stack: _backlog(stack, events // 20 or 1, 20),
            Goals(per_floor=1.05),
            all_at_once=True,
        ),
        Scenario(
            "backlog, distinct objects",
            lambda stack: _backlog(stack, events, 1),
            Goals(per_floor=1.05, per_ideal=1.05, refused=0.5),
            all_at_once=True,
        ),
        Scenario(
            "backlog, each refused once",
            lambda stack: _refused_backlog(stack, min(events, REFUSED_OBJECTS)),
            Goals(per_floor=1.05, per_ideal=1.1),
            all_at_once=True,
        ),
    )


def _customers(stripe: StandIn, count: int) -> list[str]:
    return [str(_quietly(stripe, "customer", name=f"Customer {number}")["id"]) for number in range(count)]


def _quietly(stripe: StandIn, type_name: str, **fields: object) -> JsonObject:
    return stripe.create(type_name, fields, without_event=True)


def _subscriptions(stripe: StandIn, count: int) -> list[str]:
    """Pending subscriptions to a rate card."""
    [customer] = _customers(stripe, 1)
    card = _quietly(stripe, CARD, display_name="Pay as you go")["id"]
    made = []
    for _ in range(count):
        cadence = _quietly(stripe, CADENCE, payer={"type": "customer", "customer": customer})["id"]
        fields = {"billing_cadence": cadence, "rate_card": card, "servicing_status": "pending"}
        made.append(str(_quietly(stripe, SUBSCRIPTION, **fields)["id"]))
    return made


def _burst(stripe: StandIn, objects: int, events_per_second: float) -> Prepared:
    """Subscriptions start, which has two events each; one invoice in ten is paid, which has three."""
    invoices = _invoices(stripe, objects // 10, lines=3)
    for invoice in invoices:
        stripe.transition(invoice, "open", without_event=True)
    subscriptions = _subscriptions(stripe, objects - len(invoices))

    def steps() -> Steps:
        paid = iter(invoices)
        for number, subscription in enumerate(subscriptions):
            yield 2 / events_per_second, partial(stripe.transition, subscription, "active")
            if number % 9 == 0 and (invoice := next(paid, None)):
                yield 3 / events_per_second, partial(stripe.transition, invoice, "paid")

    most_of_one_type = objects - len(invoices)
    ideal = max(most_of_one_type / ENDPOINT_LIMIT, (2 * most_of_one_type + 3 * len(invoices)) / events_per_second)
    return Prepared(steps(), objects, floor=objects, ideal=ideal)


def lone_events(count: int, pause: float) -> Scenario:
    """An event every some seconds: each finds warm functions and an empty queue."""

    def prepare(stack: Stack) -> Prepared:
        customers = _customers(stack.stripe, count)
        steps = ((pause, partial(stack.stripe.update, customer, {"name": "Renamed"})) for customer in customers)
        return Prepared(steps, count, floor=count)

    return Scenario("lone events", prepare, Goals(per_floor=1.1, p99=LONE))


def _lone_rates(stripe: StandIn, count: int) -> Prepared:
    """A rate on an old card every two seconds, announced alone: no list of a version that was fetched shows it."""
    card = str(_quietly(stripe, CARD, display_name="Old")["id"])
    items = _items(stripe, count)

    def create(item: str) -> None:
        priced: JsonObject = {"metered_item": item, "unit_amount": "0.03"}
        rate = stripe.create(RATE, priced, parent=card, without_event=True)
        stripe.announce(str(rate["id"]), "created")

    return Prepared(((2.0, partial(create, item)) for item in items), count, floor=2 * count)


def _sized(stack: Stack, count: int, kilobytes: int) -> Prepared:
    """Objects of a size change, each once."""
    keys = {f"note_{number}": "x" * (20 * kilobytes) for number in range(50)}
    customers = [str(_quietly(stack.stripe, "customer", metadata=keys)["id"]) for _ in range(count)]
    steps = ((0.1, partial(stack.stripe.update, customer, {"name": "Renamed"})) for customer in customers)
    return Prepared(steps, count, floor=count)


def _invoices(stripe: StandIn, count: int, lines: int) -> list[str]:
    [customer] = _customers(stripe, 1)
    return [str(_quietly(stripe, "invoice", customer=customer, lines=_lines(lines))["id"]) for _ in range(count)]


def _lines(count: int) -> list[JsonObject]:
    return [{"amount": 100 * number, "description": f"Line {number}"} for number in range(1, count + 1)]


def _late_duplicates(stripe: StandIn, count: int) -> Prepared:
    """Stripe delivers events again whose objects were stored long ago: half of them v2's, where there are as many."""
    made: dict[bool, list[str]] = {True: [], False: []}
    for event in stripe.events():
        made[str(event["type"]).startswith("v2.")].append(str(event["id"]))
    events = [*made[True][: count // 2], *made[False][: count // 2]]
    return Prepared(((0.02, partial(stripe.redeliver, event)) for event in events), 0, floor=0)


def _sign_ups(stripe: StandIn, count: int) -> Prepared:
    card = _quietly(stripe, CARD, display_name="Starter")["id"]

    def sign_up(number: int) -> None:
        customer = stripe.create("customer", {"name": f"New {number}"})["id"]
        cadence = stripe.create(CADENCE, {"payer": {"type": "customer", "customer": customer}})["id"]
        fields = {"billing_cadence": cadence, "rate_card": card, "servicing_status": "pending"}
        subscription = str(stripe.create(SUBSCRIPTION, fields)["id"])
        stripe.transition(subscription, "active")

    steps = ((0.5, partial(sign_up, number)) for number in range(count))
    # Three objects that events announce, and the billing profile that a cadence names and no event announces.
    return Prepared(steps, 4 * count, floor=4 * count)


def _items(stripe: StandIn, count: int) -> list[str]:
    meter = _quietly(stripe, "billing.meter", display_name="Calls", event_name=f"calls_{time.time_ns()}")["id"]
    return [str(_quietly(stripe, ITEM, display_name=f"Item {number}", meter=meter)["id"]) for number in range(count)]


def _rate_card(stripe: StandIn, rates: int) -> Prepared:
    """A rate card with its rates: the card, its version, and each rate have an event."""
    items = _items(stripe, rates)

    def create() -> None:
        priced = [{"metered_item": item, "unit_amount": "0.02"} for item in items]
        stripe.create(CARD, {"display_name": "Many rates", "rates": priced})

    return Prepared(iter([(0.0, create)]), rates + 2, floor=2 + -(-rates // 100))


def _one_more_rate(stripe: StandIn) -> Prepared:
    """One more rate on the card of the scenario before: a rate, and the next version with all rates."""
    card = str(next(one["id"] for one in stripe.objects(CARD) if one["body"]["display_name"] == "Many rates"))
    [item] = _items(stripe, 1)
    rates = sum(one["body"]["rate_card"] == card for one in stripe.objects(RATE)) + 1
    priced: JsonObject = {"metered_item": item, "unit_amount": "0.03"}
    steps: Steps = iter([(0.0, lambda: stripe.create(RATE, priced, parent=card))])
    return Prepared(steps, 3, floor=3 + -(-rates // 100))


def _month_end(stripe: StandIn, short: int, long: int) -> Prepared:
    """Invoices are created, finalized and paid, with six events; their lists of lines are longer than a body shows."""
    [customer] = _customers(stripe, 1)
    made: list[str] = []

    def create(lines: int) -> None:
        made.append(str(stripe.create("invoice", {"customer": customer, "lines": _lines(lines)})["id"]))

    def steps() -> Steps:
        for number in range(short + long):
            lines = 14 if number < short else 130
            yield 0.1, partial(create, lines)
        for status in ("open", "paid"):
            yield 3.0, lambda: None
            for invoice in list(made):
                yield 0.1, partial(stripe.transition, invoice, status)

    pages = short * (1 + 1) + long * (1 + 2)  # the object, then its further lines, a hundred a page
    return Prepared(steps(), short + long, floor=3 * pages)


def _twice(stack: Stack, count: int) -> Prepared:
    """Each event arrives at the webhook and through Amazon EventBridge."""
    stripe, customers = stack.stripe, _customers(stack.stripe, count)

    def change(identifier: str) -> None:
        stripe.update(identifier, {"name": "Renamed"})
        stack.queue.send(_envelope(stripe.events()[-1]))

    return Prepared(((0.1, partial(change, customer)) for customer in customers), count, floor=count)


def _envelope(event: JsonObject) -> str:
    """https://docs.stripe.com/event-destinations/eventbridge"""
    return json.dumps({"source": "aws.partner/stripe.com/ed_1", "detail-type": event["type"], "detail": _sent(event)})


def _sent(event: JsonObject) -> JsonObject:
    """A fetched event, as it was sent."""
    return {name: value for name, value in event.items() if name not in ("changes", "data")}


def _at_once(stripe: StandIn, count: int) -> Prepared:
    """Customers change within a moment, more than one endpoint answers in a second."""
    customers = _customers(stripe, count)
    steps = ((0.0, partial(stripe.update, customer, {"name": "Renamed"})) for customer in customers)
    return Prepared(steps, count, floor=count, ideal=count / ENDPOINT_LIMIT + ANSWER_SECONDS)


def _hot(stripe: StandIn, count: int) -> Prepared:
    """Only customers change, each once: as fast as one endpoint may be asked."""
    customers = _customers(stripe, count)
    steps = ((1 / 24, partial(stripe.update, customer, {"name": "Renamed"})) for customer in customers)
    return Prepared(steps, count, floor=count)


def _backlog(stack: Stack, objects: int, events_each: int) -> Prepared:
    """All events are in the queue before the functions start, and have waited there, as after an outage."""
    customers = _customers(stack.stripe, objects)
    fill = partial(_fill, stack, customers, events_each)
    return Prepared(iter([(0.0, fill)]), objects, floor=objects, ideal=objects / ENDPOINT_LIMIT)


def _refused_backlog(stack: Stack, objects: int) -> Prepared:
    """A backlog in which Stripe refuses the first request for each object, so that every message is tried twice."""
    customers = _customers(stack.stripe, objects)
    refused = [
        {"path_regex": rf"/v1/customers/{customer}\b", "status": (429, 500)[number % 2], "count": 1}
        for number, customer in enumerate(customers)
    ]

    def fill() -> None:
        _fill(stack, customers, 1)
        stack.stripe.faults(api=refused)

    first_tries = objects / ENDPOINT_LIMIT
    ideal = first_tries + max(first_tries, backoff.FIRST_PAUSE)
    return Prepared(iter([(0.0, fill)]), objects, floor=2 * objects, ideal=ideal)


def _fill(stack: Stack, customers: Sequence[str], events_each: int) -> None:
    known = len(stack.stripe.events())
    stack.stripe.no_destination()
    for number in range(events_each):
        for customer in customers:
            stack.stripe.update(customer, {"name": f"Renamed {number}"})
    for event in stack.stripe.events()[known:]:
        stack.queue.send(_as_ingested(event, stack), group=f"test{WEBHOOK_GROUP}")
    stack.follow()
    time.sleep(WAITED)


def _as_ingested(event: JsonObject, stack: Stack) -> str:
    """The message that the variant's ingest would have sent."""
    text = json.dumps(_sent(event))
    return write_message(read_notification(text)) if stack.variant.is_ours else text
