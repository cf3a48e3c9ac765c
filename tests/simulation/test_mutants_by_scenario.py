"""Mutants of rules that no schedule reaches, because Stripe's side does not do there what breaks them.

Each scenario ends well, and ends wrong with its mutants.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from billing_mirror.adapters.table.chunked_write import Replaced
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import FieldsRefused, PermanentError
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.run import Run
from billing_mirror.core.table.items import Item, Observation, item, last_event_columns, last_events_in, members_in
from billing_mirror.core.table.mirror_state import (
    READ_LAG,
    Head,
    latest_events,
    reflects_event,
)
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.process.already_fresh import is_answered
from billing_mirror.process.batch import _hops
from billing_mirror.process.messages import WorkItem
from billing_mirror.refresh.around_stripe.optional_fields import OptionalFields
from billing_mirror.refresh.around_stripe.refused_fields import RefusedFields
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.related_objects import _second_look
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, event, rate, rate_card, sample, subscription, subscription_event, version
from tests.unit.harness import Harness

from .mutants.activation import activated
from .mutants.registry import Mutant, mutant, replaces

Scenario = Callable[[], Awaitable[bool]]
"""Whether it ended well."""
INVOICE = "/v1/invoices/in_1"
LINES = f"{INVOICE}/lines?expand%5B0%5D=data.discounts"
METERS = "/v1/billing/meters"
SUBSCRIPTION = "/v2/billing/rate_card_subscriptions/rcds_1"
CARD = "/v2/billing/rate_cards/rcd_1"
STOPPED_AFTER = 16
"""Invocations of a chain: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
get = OptionalFields.get
send = FollowUps.send
add = RefusedFields.add
replace_item = MemoryMirror.replace


async def restless_invoice() -> bool:
    """An invoice of eleven lines that changes with each request: AWS stops no chain, and verify finds its end."""
    harness = Harness()
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False, total=0)
    body["lines"] = {"object": "list", "data": [{"id": f"il_{number}"} for number in range(10)], "has_more": True}
    harness.stripe.objects[INVOICE] = body

    async def change(_: str) -> None:
        changes = len(harness.stripe.requests)
        harness.stripe.objects[INVOICE] = {**body, "total": changes}
        harness.stripe.lists[LINES] = [{"id": f"il_{number}", "amount": changes} for number in range(11)]

    await change(INVOICE)

    harness.stripe.before_answer = change
    received = await harness.deliver(event("v1.invoice.updated", body, url=INVOICE))
    for _ in range(2 * STOPPED_AFTER):
        harness.clock.advance(61)
        received += await harness.work()
    return len(received) < STOPPED_AFTER and harness.item("in_1").get("follow_ups_due") is True


async def refused_field() -> bool:
    """A price without the tiers that Stripe refuses to show: the item says so."""
    harness = Harness()
    harness.stripe.objects["/v1/prices/price_1"] = body = sample("price", id="price_1", livemode=False, tiers=[])
    harness.stripe.refused_fields.add("tiers")
    harness.stripe.unasked_fields.add("tiers")
    await harness.deliver(event("v1.price.updated", body, url="/v1/prices/price_1"))
    stored = harness.item("price/price_1")
    data = stored["data"]
    return isinstance(data, dict) and "tiers" not in data and stored.get("missing_fields") == ["tiers"]


async def field_refused_of_one_object() -> bool:
    """Another price has its tiers, and the first one gets them with a repeated event."""
    harness = Harness()
    harness.stripe.unasked_fields.add("tiers")
    harness.stripe.failures = [FieldsRefused("Stripe answered 400", frozenset({"tiers"}))]
    messages = []
    for name in ("price_1", "price_2"):
        path = f"/v1/prices/{name}"
        harness.stripe.objects[path] = body = sample("price", id=name, livemode=False, tiers=[])
        messages.append(event("v1.price.updated", body, url=path))
        await harness.deliver(messages[-1])
    are_marked = ["missing_fields" in harness.item(f"price/{name}") for name in ("price_1", "price_2")]
    await harness.deliver(messages[0])
    return are_marked == [True, False] and "missing_fields" not in harness.item("price/price_1")


async def table_that_refuses_for_a_while() -> bool:
    """A run stores what a release before it could not."""
    refuses = [True]
    harness = Harness(mirror=MemoryMirror(refuses=lambda _: refuses[0]))
    await verified(harness, {})
    refuses[0] = False
    run = await verified(harness, {})
    return "test#mtr_1" in harness.mirror.objects and run.counts.unstorable == 0


async def lost_counter_of_a_noted_object() -> bool:
    """The object is stored under a token below that of its note."""
    harness = Harness(mirror=MemoryMirror(refuses=lambda item: item.get("status") == "odd", for_good=True))
    for name in ("first", "second"):
        await verified(harness, {"status": "odd", "display_name": name})
    harness.mirror.counters.clear()
    await verified(harness, {"status": "active"})
    run = await verified(harness, {"status": "active"})
    return harness.item("mtr_1")["token"] == 1 and run.counts.unstorable == 0


async def event_of_a_later_claim_that_failed() -> bool:
    """The write that an earlier claim makes does not show it: recover has to queue it."""
    harness = Harness()
    now = harness.clock.now()
    harness.stripe.objects[SUBSCRIPTION] = subscription()
    harness.stripe.objects["/v2/billing/cadences/bc_1"] = cadence()
    first, second = (subscription_event(id=name, at=now) for name in ("evt_a", "evt_b"))

    async def change_and_fail(path: str) -> None:
        if path == SUBSCRIPTION:
            harness.stripe.before_answer = None
            harness.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="paused")
            harness.stripe.failures = [PermanentError("the key may not read it")]
            await harness.deliver(second)

    harness.stripe.before_answer = change_and_fail
    await harness.deliver(first)
    ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    head, claim = (await harness.mirror.heads([ref]))[ref.key], (await harness.mirror.claims([ref]))[ref.key]
    shown = [reflects_event(head, claim, name, now) for name in ("evt_a", "evt_b")]
    return (head.token, claim.claimed, shown) == (1, 2, [True, False])


async def list_of_a_new_version_that_lags() -> bool:
    """A version whose list first lacks a rate, of which no other event comes: a minute later it has the rate."""
    harness = Harness()
    harness.stripe.show_previews()
    harness.stripe.objects |= {f"{CARD}/versions/rcdv_1": version(), CARD: rate_card(), f"{CARD}/rates/rcdr_1": rate()}
    rates = f"{CARD}/rates?rate_card_version=rcdv_1"
    harness.stripe.lists |= {rates: [], f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=f"{CARD}/versions/rcdv_1"))
    await harness.work()
    harness.stripe.lists[rates].append(rate())
    harness.clock.advance(READ_LAG)
    await harness.work()
    return members_in(harness.item("rcdv_1"))["v2.billing.rate_card_rate"] == {"rcdr_1"}


async def verified(harness: Harness, fields: JsonObject) -> Run:
    """An hour later, a run over the one meter."""
    harness.clock.advance(3600)
    body = {"id": "mtr_1", "object": "billing.meter", "created": 1_600_000_000, "livemode": False, **fields}
    harness.stripe.objects[f"{METERS}/mtr_1"] = body
    harness.stripe.lists[METERS] = [body]
    return await harness.run_now(TYPES["billing.meter"])


@mutant("one refusal is about all objects of a type")
@replaces(RefusedFields.add)
def takes_one_for_all(self: RefusedFields, request: StripeRequest, name: str, now: float) -> None:
    add(self, replace(request, of_one=False), name, now)


@mutant("an object without a field is fresh")
@replaces(is_answered)
def takes_the_mark_for_fresh(items: Sequence[WorkItem], head: Head, *, margin: float) -> bool:
    return is_answered(items, replace(head, missing_fields=()), margin=margin)


@mutant("what the table has refused is never tried again")
@replaces(UnstorableNote.is_due)
def waits_for_a_change(self: UnstorableNote, since: float) -> bool:
    return self.fetched_at < since and not self.may_pass


@mutant("only a higher token ends a note")
@replaces(UnstorableNote.is_followed_by)
def ends_by_token_only(self: UnstorableNote, token: int, fetched_at: float) -> bool:
    return token >= self.token and fetched_at > 0


@mutant("a request does not count the requests before it")
@replaces(FollowUps.send)
async def counts_no_hops(self: FollowUps, request: RefreshRequest, *, group: str, delay: int = 0) -> None:
    await self._queue.send(write_message(request), group=group, delay=delay)


@mutant("the count of a chain is not passed on to its fetch")
@replaces(_hops)
def starts_anew(items: Sequence[WorkItem]) -> int:
    return 0 * len(items)


@mutant("what a long chain leaves out is forgotten")
@replaces(FollowUps.send)
async def forgets_the_rest(self: FollowUps, request: RefreshRequest, *, group: str, delay: int = 0) -> None:
    await send(self, request, group=group, delay=delay)
    self.are_due = False


@mutant("an answer does not say which field it lacks")
@replaces(OptionalFields.get)
async def conceals_missing_fields(self: OptionalFields, request: StripeRequest) -> StripeResponse:
    return replace(await get(self, request), missing_fields=())


@mutant("a write counts the events of later claims as its own")
@replaces(MemoryMirror.replace)
async def counts_events_of_later_claims(self: MemoryMirror, ref: ObjectRef, token: int, item: Item) -> Replaced:
    known = latest_events(last_events_in(item), *self.claimed_for[ref.key])
    return await replace_item(self, ref, token, {**item, **last_event_columns(known)})


@mutant("the lists of a new version are not read again")
@replaces(_second_look)
def reads_lists_once(ref: ObjectRef, token: int, observation: Observation, head: Head | None) -> RefreshRequest | None:
    return _second_look(ref, token, replace(observation, member_lists={}, left_out=()), head)


@mutant("an object without a refused field is not marked")
@replaces(item)
def marks_nothing(ref: ObjectRef, observation: Observation, customer: str | None) -> Item:
    return item(ref, replace(observation, missing_fields=()), customer)


SCENARIOS = [
    restless_invoice,
    refused_field,
    field_refused_of_one_object,
    table_that_refuses_for_a_while,
    lost_counter_of_a_noted_object,
    event_of_a_later_claim_that_failed,
    list_of_a_new_version_that_lags,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_each_scenario_ends_well(scenario: Scenario) -> None:
    assert await scenario()


@pytest.mark.parametrize(
    ("scenario", "wrong"),
    [
        (restless_invoice, counts_no_hops),
        (restless_invoice, starts_anew),
        (restless_invoice, forgets_the_rest),
        (refused_field, conceals_missing_fields),
        (refused_field, marks_nothing),
        (field_refused_of_one_object, takes_one_for_all),
        (field_refused_of_one_object, takes_the_mark_for_fresh),
        (table_that_refuses_for_a_while, waits_for_a_change),
        (lost_counter_of_a_noted_object, ends_by_token_only),
        (event_of_a_later_claim_that_failed, counts_events_of_later_claims),
        (list_of_a_new_version_that_lags, reads_lists_once),
    ],
    ids=lambda value: value.sentence.replace(" ", "-") if isinstance(value, Mutant) else value.__name__,
)
async def test_a_mutant_ends_wrong(scenario: Scenario, wrong: Mutant) -> None:
    with activated(wrong) as calls:
        assert not await scenario()
    assert all(calls.counts.values()), "each variant was called"
