"""A chain of refresh requests ends before AWS would stop it, and verify does what was left out."""

from dataclasses import dataclass, field

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.messages import RefreshRequest, read_message, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation, item
from billing_mirror.process.messages import MessageResult
from billing_mirror.refresh.follow_ups import MAX_HOPS
from tests.doubles.samples import cadence, event, rate, rate_card, sample, subscription, subscription_event, version
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

INVOICE = "/v1/invoices/in_1"
LINES = "/v1/invoices/in_1/lines?expand%5B0%5D=data.discounts"
SHOWN = "&".join(f"expand%5B{number}%5D=data.{name}" for number, name in enumerate(TYPES["invoice"].include))
INVOICES = f"/v1/invoices?{SHOWN}"
STOPPED_AFTER = 16
"""Invocations of one chain, after which Lambda stops it unless the function allows more."""
A_LOOK = 61.0
HOUR = 3600.0


@dataclass
class RestlessInvoice:
    """Stripe's side: a draft of eleven lines that changes whenever it or its lines were fetched."""

    harness: Harness
    looks: int = 0
    answers: int = 0
    changes: int = 1000
    """How often it changes."""
    shown: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._show()
        self.harness.stripe.before_answer = self._change

    async def _change(self, path: str) -> None:
        self.looks += path == INVOICE
        self.answers += 1
        if self.looks <= self.changes:
            self._show()

    def _show(self) -> None:
        lines: list[JsonObject] = [{"id": f"il_{number}", "amount": self.answers} for number in range(11)]
        self.shown = sample("invoice", id="in_1", customer="cus_1", total=self.looks, livemode=False)
        self.shown["lines"] = {"object": "list", "data": [*lines[:10]], "has_more": True}
        self.harness.stripe.objects[INVOICE] = self.shown
        self.harness.stripe.lists |= {LINES: lines, INVOICES: [self.shown]}

    def changed(self) -> str:
        return event("v1.invoice.updated", self.shown, url=INVOICE, at=self.harness.clock.now())


@pytest.fixture
def invoice(harness: Harness) -> RestlessInvoice:
    return RestlessInvoice(harness)


async def run_out(harness: Harness, first: str) -> list[MessageResult]:
    """Delivers a message and what follows from it, for as long as anything does; the results, in order."""
    ended = await harness.deliver(first)
    for _ in range(3 * STOPPED_AFTER):
        harness.clock.advance(A_LOOK)
        ended += await harness.work()
    return ended


async def test_an_invoice_that_changes_at_each_look_is_not_looked_at_for_ever(
    harness: Harness, invoice: RestlessInvoice
) -> None:
    ended = await run_out(harness, invoice.changed())
    assert harness.queue.waiting == []
    assert [one.outcome for one in ended] == [*[Outcome.STORED] * MAX_HOPS, Outcome.CHAIN_ENDED]
    assert ended[-1].reason == (
        "ten fetches in a row each led to the next; what should follow is left to the next event or verify run"
    )
    assert not ended[-1].retry


async def test_the_longest_chain_is_shorter_than_what_aws_stops(harness: Harness, invoice: RestlessInvoice) -> None:
    """The same event about another owner, which counts no hop, may come first."""
    another_owner = 1
    assert len(await run_out(harness, invoice.changed())) + another_owner < STOPPED_AFTER


async def test_the_end_of_a_chain_leaves_a_mark_and_no_claim(harness: Harness, invoice: RestlessInvoice) -> None:
    await run_out(harness, invoice.changed())
    assert harness.item("in_1")["follow_ups_due"] is True
    assert harness.mirror.counters["test#in_1"].claimed == harness.item("in_1")["token"], "no refresh is in flight"


async def test_verify_looks_again_and_does_what_was_left_out(harness: Harness, invoice: RestlessInvoice) -> None:
    """Although the list shows what the mirror holds: the lines that Stripe cuts off may be old."""
    invoice.changes = MAX_HOPS
    await run_out(harness, invoice.changed())
    held = harness.item("in_1")["data"]
    assert isinstance(held, dict)
    assert held["total"] == invoice.shown["total"]
    before = invoice.looks
    run = await harness.run_now(TYPES["invoice"])
    assert (run.complete, run.counts.found, invoice.looks) == (True, 0, before + 1), "no drift, but one look"
    assert "follow_ups_due" not in harness.item("in_1")
    [again] = harness.queue.waiting
    assert json_body.parse(again.body)["hops"] == 1, "a new chain"
    harness.clock.advance(A_LOOK)
    [ended] = await harness.work()
    assert (ended.outcome, harness.queue.waiting) == (Outcome.ALREADY_FRESH, [])
    assert (await harness.run_now(TYPES["invoice"])).counts.refreshed == 0


async def test_an_event_looks_again_although_the_mirror_is_newer(harness: Harness, invoice: RestlessInvoice) -> None:
    sent_at, late = harness.clock.now(), invoice.changed()
    invoice.changes = MAX_HOPS
    await run_out(harness, invoice.changed())

    async def deliver_late() -> Outcome:
        await harness.queue.send(late, group="test")
        harness.queue.waiting[-1].sent_at = sent_at
        [ended] = await harness.work()
        return ended.outcome

    assert await deliver_late() is Outcome.UNCHANGED
    assert "follow_ups_due" not in harness.item("in_1")
    assert len(harness.queue.waiting) == 1
    assert await deliver_late() is Outcome.ALREADY_FRESH, "without the mark"


async def test_an_event_that_is_answered_with_the_end_of_a_chain_starts_none(
    harness: Harness, invoice: RestlessInvoice
) -> None:
    """AWS counts both in one chain: one invocation has received them."""
    last = RefreshRequest(livemode=False, type="invoice", id="in_1", hops=MAX_HOPS)
    ended = await harness.deliver(write_message(last), invoice.changed())
    assert {one.outcome for one in ended} == {Outcome.CHAIN_ENDED}
    assert harness.queue.waiting == []


async def test_what_a_long_chain_does_not_request_is_found_by_verify(harness: Harness) -> None:
    """The profile that a cadence names: the next fetch of the cadence requests it."""
    profile = "/v2/billing/profiles/bilp_1"
    body = cadence(payer={"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"})
    harness.stripe.objects |= {CADENCE: body, profile: sample("v2.billing.profile", id="bilp_1")}
    query = "include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"
    harness.stripe.lists[f"/v2/billing/cadences?{query}"] = [body]
    request = RefreshRequest(livemode=False, type="v2.billing.cadence", id="bc_1", hops=MAX_HOPS)
    [ended] = await harness.deliver(write_message(request))
    assert (ended.outcome, harness.queue.waiting) == (Outcome.CHAIN_ENDED, [])
    harness.clock.advance(A_LOOK)
    assert (await harness.run_now(TYPES["v2.billing.cadence"])).complete
    await harness.work()
    assert harness.item("bilp_1")["type"] == "v2.billing.profile"


async def test_every_request_that_a_fetch_leads_to_counts_as_one_more(harness: Harness) -> None:
    """Of what the object names, of its owner's, and of those that follow it to another customer."""
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence(payer=payer)}
    request = RefreshRequest(livemode=False, type="v2.billing.rate_card_subscription", id="rcds_1", hops=4)
    await harness.deliver(write_message(request))
    assert _waiting_hops(harness) == {"bilp_1": 5}, "the cadence was fetched for its customer"
    harness.queue.waiting.clear()
    harness.clock.advance(1000)
    harness.stripe.objects[CADENCE] = cadence(payer={**payer, "customer": "cus_2"})
    moved = RefreshRequest(livemode=False, type="v2.billing.cadence", id="bc_1", hops=6)
    await harness.deliver(write_message(moved))
    assert _waiting_hops(harness) == {"bilp_1": 7, "rcds_1": 7}


async def test_an_event_starts_a_chain(harness: Harness) -> None:
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence(payer=payer)}
    await harness.deliver(subscription_event())
    assert _waiting_hops(harness) == {"bilp_1": 1}


def test_a_message_without_hops_is_readable() -> None:
    """A deployment leaves older messages in the queue."""
    old = '{"object": "billing_mirror.refresh", "livemode": false, "type": "invoice", "id": "in_1"}'
    assert read_message(old) == RefreshRequest(livemode=False, type="invoice", id="in_1", hops=0)


def _waiting_hops(harness: Harness) -> dict[object, object]:
    bodies = [json_body.parse(one.body) for one in harness.queue.waiting]
    return {body["id"]: body["hops"] for body in bodies}


async def test_members_that_a_long_chain_does_not_request_are_requested_although_their_list_is_the_same(
    harness: Harness,
) -> None:
    """A deleted rate: the end of the chain has stored the list without it, and has left its refresh out."""
    card = "/v2/billing/rate_cards/rcd_1"
    url, deleted = f"{card}/versions/rcdv_1", rate("rcdr_9")
    harness.stripe.objects |= {url: version(), card: rate_card()}
    harness.stripe.lists["/v2/billing/rate_cards"] = []  # the account still shows the preview
    for of in ("rates", "custom_pricing_unit_overage_rates"):
        harness.stripe.lists[f"{card}/{of}?rate_card_version=rcdv_1"] = []
    ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_rate", "rcdr_9", "rcd_1")
    seen = Observation(harness.clock.now(), "2026-01-01.preview", "req_1", deleted, json_body.digest(deleted))
    await harness.mirror.put(ref, 1, item(ref, seen, None))
    harness.clock.advance(HOUR)
    last = RefreshRequest(
        livemode=False, type="v2.billing.rate_card_version", id="rcdv_1", parent="rcd_1", hops=MAX_HOPS
    )
    [ended] = await harness.deliver(write_message(last))
    assert (ended.outcome, harness.queue.waiting) == (Outcome.CHAIN_ENDED, [])
    harness.clock.advance(HOUR)
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=url))
    await harness.work()
    assert harness.item("rcdr_9").get("deleted") is True
