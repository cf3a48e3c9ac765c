"""Mutants of the rules that save requests, where no schedule is likely to have what breaks them.

Each scenario ends with the mirror equal to Stripe, and with another state with its mutants.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import RESOURCES, ObjectType, Sublist
from billing_mirror.core.events.messages import Notification, RefreshRequest
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import (
    READ_LAG,
    UNCLAIMED_TOKEN,
    Claim,
    Head,
    is_fresh_enough,
    is_last_claim,
)
from billing_mirror.ports import Ports
from billing_mirror.process.already_fresh import _is_answered
from billing_mirror.process.messages import WorkItem
from billing_mirror.process.second_look import _shows_sublists
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.related_objects import _is_new_state, _may_store_members, _second_look
from tests.doubles.samples import cadence, event, rate, rate_card, sample, version
from tests.unit.harness import CADENCE, Harness

from .mutants.activation import activated
from .mutants.registry import Mutant, mutant, replaces

Scenario = Callable[[], Awaitable[bool]]
"""Whether it ended well."""
CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"
RATE = f"{CARD}/rates/rcdr_1"
LIST = f"{CARD}/rates?rate_card_version=rcdv_1"
PRODUCT = "/v1/products/gold"
INVOICE = "/v1/invoices/in_1"
LINES = f"{INVOICE}/lines?expand%5B0%5D=data.discounts"
MODIFIERS = f"{CADENCE}/spend_modifier_rules"
NEW: JsonObject = rate(unit_amount="7")
creates = Notification.creates


def with_version(*listed: JsonObject) -> Harness:
    harness = Harness()
    harness.stripe.show_previews()
    harness.stripe.objects |= {VERSION: version(), CARD: rate_card()}
    harness.stripe.lists[LIST] = [*listed]
    harness.stripe.lists[f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1"] = []
    return harness


def version_event(word: str) -> str:
    return event(f"v2.billing.rate_card_version.{word}", version(), url=VERSION)


async def settle(harness: Harness) -> None:
    for _ in range(5):
        await harness.work()
        harness.clock.advance(READ_LAG + 1)


async def stale_list_after_an_event() -> bool:
    """A rate has changed, and the list that is read long after its event still shows the former state."""
    harness = with_version(rate())
    harness.stripe.objects[RATE] = NEW
    await harness.queue.send(event("v2.billing.rate_card_rate.updated", NEW, url=RATE), group="test")
    [late] = harness.queue.waiting
    late.visible_at += 30
    harness.clock.advance(20)
    await harness.deliver(version_event("created"))
    harness.clock.advance(10)
    await harness.work()
    return harness.item("rcdr_1")["data"] == NEW


async def rate_that_only_a_list_shows_as_changed() -> bool:
    """No event has announced the change of a mirrored rate."""
    harness = with_version(rate())
    harness.stripe.objects[RATE] = rate()
    await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=RATE))
    harness.stripe.objects[RATE] = NEW
    harness.stripe.lists[LIST] = [NEW]
    await harness.deliver(version_event("created"))
    await settle(harness)
    return harness.item("rcdr_1")["data"] == NEW


async def product_made_again() -> bool:
    """The event of the second creation comes before that of the deletion, which is lost."""
    harness = Harness()
    for name in ("Gold", "New gold"):
        harness.stripe.objects[PRODUCT] = body = sample("product", id="gold", name=name, livemode=False)
        await harness.deliver(event("v1.product.created", body, url=PRODUCT, at=harness.clock.now()))
        harness.clock.advance(1)
    return harness.item("product/gold")["data"] == harness.stripe.objects[PRODUCT]


async def stale_list_of_a_version_that_is_known() -> bool:
    """A rate that was removed without an event, on a list that nothing reads again."""
    harness = with_version()
    await harness.deliver(version_event("created"))
    await settle(harness)
    harness.stripe.lists[LIST] = [rate()]
    await harness.deliver(version_event("updated"))
    await settle(harness)
    harness.stripe.lists[LIST] = []
    await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=RATE))
    await settle(harness)
    return harness.mirror.objects.get("test#rcdr_1", {"deleted": True}).get("deleted") is True


async def lines_that_lag() -> bool:
    """The lines of an invoice are a state behind when they are first read."""
    harness = Harness()
    lines: list[JsonObject] = [{"id": "il_0", "amount": 1}, {"id": "il_1", "amount": 2}]
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False)
    body["lines"] = {"object": "list", "data": [*lines[:1]], "has_more": True}
    harness.stripe.objects[INVOICE], harness.stripe.lists[LINES] = body, [lines[0], {"id": "il_1", "amount": 1}]
    await harness.deliver(event("v1.invoice.updated", body, url=INVOICE, at=harness.clock.now()))
    harness.stripe.lists[LINES] = lines
    await settle(harness)
    held = harness.item("in_1")["data"]
    return isinstance(held, dict) and held["lines"] == {"object": "list", "data": lines, "has_more": False}


async def slow_worker_with_older_lines() -> bool:
    """Lines are read a second time while a worker still holds older ones, which it writes then."""
    harness = Harness()
    lines: list[JsonObject] = [{"id": "il_0", "amount": 1}, {"id": "il_1", "amount": 2}]
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False)
    body["lines"] = {"object": "list", "data": [*lines[:1]], "has_more": True}
    harness.stripe.objects[INVOICE], harness.stripe.lists[LINES] = body, lines
    await harness.deliver(event("v1.invoice.updated", body, url=INVOICE, at=harness.clock.now()))
    ref = ref_to(Scope(livemode=False), "invoice", "in_1")
    token, _ = await harness.mirror.claim(ref, harness.clock.now())
    old = {**harness.mirror.objects[ref.key]}
    old["data"] = {**body, "lines": {"object": "list", "data": [*lines[:1]], "has_more": False}}
    harness.clock.advance(READ_LAG)
    await harness.work()
    await harness.mirror.put(ref, token, old)
    await settle(harness)
    held = harness.item("in_1")["data"]
    return isinstance(held, dict) and held["lines"] == {"object": "list", "data": lines, "has_more": False}


async def state_that_returns_while_another_is_fetched() -> bool:
    """One worker sees a passing state, and the next one the former state again, with lines that lag."""
    harness = Harness()
    before: list[JsonObject] = [{"id": "il_0", "amount": 1}, {"id": "il_1", "amount": 2}]
    after: list[JsonObject] = [{"id": "il_0", "amount": 1}, {"id": "il_1", "amount": 3}]
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False)
    body["lines"] = {"object": "list", "data": [*before[:1]], "has_more": True}
    harness.stripe.objects[INVOICE], harness.stripe.lists[LINES] = body, before
    now = harness.clock.now()
    await harness.deliver(event("v1.invoice.updated", body, url=INVOICE, at=now))
    await settle(harness)
    ref = ref_to(Scope(livemode=False), "invoice", "in_1")
    await harness.mirror.claim(ref, harness.clock.now())  # the passing state, whose write is refused
    await harness.deliver(event("v1.invoice.updated", body, url=INVOICE, at=now - 5))
    harness.stripe.lists[LINES] = after
    await settle(harness)
    held = harness.item("in_1")["data"]
    return isinstance(held, dict) and held["lines"] == {"object": "list", "data": after, "has_more": False}


async def cadence_with_a_spend_modifier() -> bool:
    """It is made with the cadence, whose lists lag then."""
    harness = Harness()
    body = cadence(created=times.iso(harness.clock.now()))
    modifier = sample("v2.billing.cadence_spend_modifier", id="sm_1", billing_cadence="bc_1")
    harness.stripe.objects |= {CADENCE: body, f"{MODIFIERS}/sm_1": modifier}
    harness.stripe.lists[MODIFIERS] = [modifier]
    await harness.deliver(event("v2.billing.cadence.created", body, url=CADENCE))
    await settle(harness)
    return harness.mirror.objects.get("test#sm_1", {}).get("data") == modifier


@mutant("already fresh by the time at which a list was read")
@replaces(is_fresh_enough)
def believes_times_of_lists(head: Head | None, *, sent_at: float, margin: float) -> bool:
    return is_fresh_enough(replace(head, token=1) if head else None, sent_at=sent_at, margin=margin)


@mutant("a request is done where the mirror has another state than its list has shown")
@replaces(_is_answered)
def compares_digest_wrongly(item: WorkItem, head: Head, *, margin: float) -> bool:
    shown = item.message.digest if isinstance(item.message, RefreshRequest) else ""
    return (shown not in ("", head.digest) and not head.deleted) or _is_answered(item, head, margin=margin)


@mutant("the creation of an object is answered by what shows a former one with its id")
@replaces(Notification.creates)
def forgets_that_ids_are_chosen(self: Notification, object_type: ObjectType) -> bool:
    return self.type.endswith(".created") and RESOURCES.get(self.resource) == object_type.name


@mutant("a member is stored from a list that nothing reads again")
@replaces(_may_store_members)
def stores_at_any_fetch(head: Head | None, follow_ups: FollowUps) -> bool:
    return _may_store_members(head, follow_ups) or head is not None


@mutant("the lists inside a body get no second look")
@replaces(_second_look)
def reads_completed_lists_once(
    ref: ObjectRef, token: int, observation: Observation, head: Head | None
) -> RefreshRequest | None:
    return _second_look(ref, token, replace(observation, completed=()), head)


@mutant("a second look does not compare the lists inside a body")
@replaces(_shows_sublists)
async def compares_no_sublists(ref: ObjectRef, sublists: Sequence[Sublist], ports: Ports) -> bool:
    return not sublists or await _shows_sublists(ref, (), ports)


@mutant("a second look trusts lists although a worker may still write older ones")
@replaces(is_last_claim)
def ignores_claims(head: Head, claim: Claim | None) -> bool:
    return is_last_claim(head, claim) or head.token > UNCLAIMED_TOKEN


@mutant("a list that was not read with its object is never read")
@replaces(_second_look)
def forgets_unread_lists(
    ref: ObjectRef, token: int, observation: Observation, head: Head | None
) -> RefreshRequest | None:
    return _second_look(ref, token, replace(observation, left_out=()), head)


@mutant("a state that another claim may have interrupted gets no second look")
@replaces(_is_new_state)
def sees_no_claim_between(token: int, observation: Observation, head: Head | None) -> bool:
    return _is_new_state(head.token + 1 if head else token, observation, head)


CASES: list[tuple[Scenario, Mutant]] = [
    (stale_list_after_an_event, believes_times_of_lists),
    (rate_that_only_a_list_shows_as_changed, compares_digest_wrongly),
    (product_made_again, forgets_that_ids_are_chosen),
    (stale_list_of_a_version_that_is_known, stores_at_any_fetch),
    (lines_that_lag, reads_completed_lists_once),
    (lines_that_lag, compares_no_sublists),
    (slow_worker_with_older_lines, ignores_claims),
    (state_that_returns_while_another_is_fetched, sees_no_claim_between),
    (cadence_with_a_spend_modifier, forgets_unread_lists),
]


@pytest.mark.parametrize("scenario", dict.fromkeys(scenario for scenario, _ in CASES))
async def test_each_scenario_ends_well(scenario: Scenario) -> None:
    assert await scenario()


@pytest.mark.parametrize(
    ("scenario", "wrong"),
    CASES,
    ids=lambda value: value.sentence.replace(" ", "-") if isinstance(value, Mutant) else value.__name__,
)
async def test_a_mutant_ends_wrong(scenario: Scenario, wrong: Mutant) -> None:
    with activated(wrong) as calls:
        assert not await scenario()
    assert all(calls.counts.values()), "each variant was called"
