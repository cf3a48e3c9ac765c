"""Lists that were read too early are read once more, and nothing else is requested unless one of them differs."""

import json

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.messages import RefreshRequest, read_message, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.mirror_state import READ_LAG
from billing_mirror.process.messages import MessageResult
from tests.doubles.samples import cadence, event, rate, rate_card, sample, version
from tests.unit.harness import CADENCE, Harness

CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"
RATES = f"{CARD}/rates"
OVERAGES = f"{CARD}/custom_pricing_unit_overage_rates"
LIST, OVERAGE_LIST = f"{RATES}?rate_card_version=rcdv_1", f"{OVERAGES}?rate_card_version=rcdv_1"
MODIFIERS = f"{CADENCE}/spend_modifier_rules"
INVOICE = "/v1/invoices/in_1"
LINES = f"{INVOICE}/lines?expand%5B0%5D=data.discounts"


@pytest.fixture
def with_version(harness: Harness) -> Harness:
    """Stripe has a version with one rate."""
    harness.stripe.show_previews()
    harness.stripe.objects |= {VERSION: version(), CARD: rate_card(), f"{RATES}/rcdr_1": rate()}
    harness.stripe.lists |= {LIST: [rate()], OVERAGE_LIST: []}
    return harness


def version_event(word: str = "created") -> str:
    return event(f"v2.billing.rate_card_version.{word}", version(), url=VERSION)


async def read_again(harness: Harness) -> MessageResult:
    """Lets the minute pass; the result of the one message then."""
    harness.clock.advance(READ_LAG)
    harness.stripe.requests.clear()
    [result] = await harness.work()
    return result


def requested(harness: Harness) -> list[str]:
    return [request.path for request in harness.stripe.requests]


# ---- lists of members


async def test_lists_that_are_as_the_mirror_holds_them_cost_themselves(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    before = dict(with_version.mirror.objects)
    assert (await read_again(with_version)).outcome is Outcome.ALREADY_FRESH
    assert requested(with_version) == [RATES, OVERAGES]
    assert (with_version.mirror.objects, with_version.queue.waiting) == (before, [])
    assert with_version.mirror.counters["test#rcdv_1"].claimed == 1, "nothing was claimed"


async def test_a_member_that_a_list_has_gained_has_the_object_fetched(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    with_version.stripe.objects[f"{RATES}/rcdr_2"] = rate("rcdr_2")
    with_version.stripe.lists[LIST].append(rate("rcdr_2"))
    assert (await read_again(with_version)).outcome is Outcome.STORED
    await with_version.work()
    members = with_version.item("rcdv_1")["members"]
    assert isinstance(members, dict)
    assert members["v2.billing.rate_card_rate"] == ["rcdr_1", "rcdr_2"]
    assert "test#rcdr_2" in with_version.mirror.objects


async def test_a_member_of_which_a_list_shows_another_state_is_fetched(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    changed = rate(unit_amount="7")
    with_version.stripe.objects[f"{RATES}/rcdr_1"] = changed
    with_version.stripe.lists[LIST] = [changed]
    assert (await read_again(with_version)).outcome is Outcome.UNCHANGED
    await with_version.work()
    assert with_version.item("rcdr_1")["data"] == changed


async def test_a_worker_that_may_still_write_older_lists_has_the_object_fetched(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_version", "rcdv_1", "rcd_1")
    await with_version.mirror.claim(ref, with_version.clock.now())
    assert (await read_again(with_version)).outcome is Outcome.UNCHANGED
    assert with_version.item("rcdv_1")["token"] == 3


async def test_an_event_that_comes_with_the_look_has_the_object_fetched(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    await with_version.queue.send(version_event("updated"), group="test")
    with_version.clock.advance(READ_LAG)
    with_version.stripe.requests.clear()
    assert [one.outcome for one in await with_version.work()] == [Outcome.UNCHANGED] * 2
    assert VERSION in requested(with_version)


async def test_an_object_that_is_not_mirrored_by_then_is_fetched(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    del with_version.mirror.objects["test#rcdv_1"]
    assert (await read_again(with_version)).outcome is Outcome.STORED


async def test_a_list_that_stripe_does_not_answer_keeps_the_message(with_version: Harness) -> None:
    await with_version.deliver(version_event())
    await with_version.work()
    with_version.stripe.failures = [TimeoutError()]
    assert (await read_again(with_version)).outcome is Outcome.POSTPONED


# ---- lists on which most objects have nothing


def young_cadence(harness: Harness) -> JsonObject:
    body = cadence(created=times.iso(harness.clock.now()))
    harness.stripe.objects[CADENCE] = body
    harness.stripe.lists[MODIFIERS] = []
    return body


def cadence_event(body: JsonObject, word: str) -> str:
    return event(f"v2.billing.cadence.{word}", body, url=CADENCE)


def modifier() -> JsonObject:
    return sample("v2.billing.cadence_spend_modifier", id="sm_1", billing_cadence="bc_1")


async def test_a_list_that_is_mostly_empty_is_read_once_in_the_life_of_an_object(harness: Harness) -> None:
    body = young_cadence(harness)
    await harness.deliver(cadence_event(body, "created"))
    assert requested(harness) == [CADENCE]
    assert (await read_again(harness)).outcome is Outcome.ALREADY_FRESH
    assert requested(harness) == [MODIFIERS]
    for _ in range(2):
        harness.clock.advance(100)
        await harness.deliver(cadence_event(body, "billed"))
    assert requested(harness) == [MODIFIERS, CADENCE, CADENCE]
    assert harness.queue.waiting == []


async def test_it_is_read_with_each_fetch_while_something_is_on_it(harness: Harness) -> None:
    body = young_cadence(harness)
    await harness.deliver(cadence_event(body, "created"))
    harness.stripe.objects[f"{MODIFIERS}/sm_1"] = modifier()
    harness.stripe.lists[MODIFIERS] = [modifier()]
    assert (await read_again(harness)).outcome is Outcome.STORED
    await harness.work()
    assert harness.item("sm_1")["customer"] == "cus_1"
    harness.stripe.lists[MODIFIERS] = []
    del harness.stripe.objects[f"{MODIFIERS}/sm_1"]
    harness.stripe.show_previews()
    harness.clock.advance(100)
    await harness.deliver(cadence_event(body, "billed"))
    await harness.work()
    assert harness.item("sm_1")["deleted"] is True


async def test_it_is_read_at_once_for_an_object_that_is_not_new(harness: Harness) -> None:
    harness.stripe.objects |= {CADENCE: cadence(), f"{MODIFIERS}/sm_1": modifier()}
    harness.stripe.lists[MODIFIERS] = [modifier()]
    await harness.deliver(cadence_event(cadence(), "billed"))
    assert requested(harness) == [CADENCE, MODIFIERS]


async def test_a_fetch_that_did_not_read_it_replaces_no_second_look(harness: Harness) -> None:
    body = young_cadence(harness)
    await harness.deliver(cadence_event(body, "created"))
    [request] = harness.queue.waiting
    request.visible_at += 20
    harness.clock.advance(READ_LAG + 10)
    await harness.deliver(cadence_event(body, "billed"))
    harness.clock.advance(10)
    harness.stripe.requests.clear()
    await harness.work()
    assert requested(harness) == [MODIFIERS]


def test_no_type_has_both_kinds_of_lists() -> None:
    """A second look has no state that could end it where it compares members."""
    assert not [one.name for one in TYPES.values() if one.members and one.sublists]


# ---- lists inside a body


def bill(harness: Harness, *amounts: int, status: str = "open") -> JsonObject:
    lines: list[JsonObject] = [{"id": f"il_{number}", "amount": amount} for number, amount in enumerate(amounts)]
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False, status=status)
    body["lines"] = {"object": "list", "data": [*lines[:1]], "has_more": True}
    harness.stripe.objects[INVOICE] = body
    harness.stripe.lists[LINES] = lines
    return body


def invoice_event(harness: Harness, body: JsonObject) -> str:
    return event("v1.invoice.updated", body, url=INVOICE, at=harness.clock.now())


def amounts(harness: Harness) -> list[Json]:
    data = harness.item("in_1")["data"]
    assert isinstance(data, dict)
    assert isinstance(data["lines"], dict)
    assert isinstance(data["lines"]["data"], list)
    return [one["amount"] for one in data["lines"]["data"] if isinstance(one, dict)]


async def test_the_lines_of_an_invoice_are_read_again_and_not_the_invoice(harness: Harness) -> None:
    await harness.deliver(invoice_event(harness, bill(harness, 1, 2)))
    assert (await read_again(harness)).outcome is Outcome.ALREADY_FRESH
    assert requested(harness) == [f"{INVOICE}/lines"]
    assert (amounts(harness), harness.item("in_1")["token"]) == ([1, 2], 1)


@pytest.mark.parametrize(("later", "outcome"), [(2, Outcome.ALREADY_FRESH), (3, Outcome.STORED)])
async def test_a_list_that_is_the_object_itself(harness: Harness, later: int, outcome: Outcome) -> None:
    def entitlements(count: int) -> list[JsonObject]:
        return [{"id": f"ent_{number}", "object": "entitlements.active_entitlement"} for number in range(count)]

    ref = ref_to(Scope(livemode=False), "entitlements.active_entitlement_summary", "", "cus_1")
    harness.stripe.objects[ref.path] = {"object": "list", "data": [*entitlements(1)], "has_more": True}
    harness.stripe.lists[ref.path] = entitlements(2)
    await harness.deliver(write_message(RefreshRequest(livemode=False, type=ref.type, id="", parent="cus_1")))
    harness.stripe.lists[ref.path] = entitlements(later)
    assert (await read_again(harness)).outcome is outcome
    data = harness.mirror.objects[ref.key]["data"]
    assert isinstance(data, dict)
    assert data["data"] == entitlements(later)


async def test_lines_that_differ_have_the_invoice_fetched(harness: Harness) -> None:
    await harness.deliver(invoice_event(harness, bill(harness, 1, 2)))
    bill(harness, 1, 3)
    assert (await read_again(harness)).outcome is Outcome.UNCHANGED
    assert amounts(harness) == [1, 3]


async def test_only_the_last_of_several_states_is_looked_at_again(harness: Harness) -> None:
    for status in ("draft", "open", "paid"):
        await harness.deliver(invoice_event(harness, bill(harness, 1, 2, status=status)))
        harness.clock.advance(10)
    harness.stripe.requests.clear()
    for _ in range(4):
        harness.clock.advance(READ_LAG / 2)
        await harness.work()
    assert requested(harness) == [f"{INVOICE}/lines"]
    assert harness.queue.waiting == []


async def test_a_state_that_another_claim_may_have_interrupted_is_looked_at_again(harness: Harness) -> None:
    """The other worker's state may have ended the request for this one."""
    body = bill(harness, 1, 2)
    await harness.deliver(invoice_event(harness, body))
    await read_again(harness)
    ref = ref_to(Scope(livemode=False), "invoice", "in_1")
    await harness.mirror.claim(ref, harness.clock.now())
    same = event("v1.invoice.updated", body, url=INVOICE, at=harness.clock.now() - 500)
    await harness.deliver(same)
    [again] = harness.queue.waiting
    message = json.loads(again.body)
    assert (message["lists"], message["lists_of"]) == (["lines"], harness.item("in_1")["digest"])
    assert read_message(again.body)
