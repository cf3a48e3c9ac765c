"""What remains of a customer that a person had forgotten, and of removed objects."""

import asyncio
import json

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.errors import TransientError, Unauthorized
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.forgetting import FORGET, REPEATED_AFTER, ForgetRequest
from billing_mirror.core.runs.run_request import read_request
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.reconcile.jobs.erasure import erase_due
from billing_mirror.reconcile.report import ForgetReport
from billing_mirror.reconcile.tick import reconcile
from tests.doubles.samples import event, noise
from tests.unit.harness import Harness

SCOPE = Scope(livemode=False)
CUSTOMER = ref_to(SCOPE, "customer", "cus_1")
INVOICE = ref_to(SCOPE, "invoice", "in_1")
DRAFT = ref_to(SCOPE, "invoice", "in_2")
THING = ObjectRef(SCOPE, catalog.generic_type("thing", "/v1/things/{id}"), "thing_1")
SECRET = "ann@example.com"
DAY = 86400.0
CREATED = 1_600_000_000


def body_of(ref: ObjectRef, **fields: Json) -> JsonObject:
    of: JsonObject = {} if ref.type == "customer" else {"customer": "cus_1"}
    return {"id": ref.id, "object": ref.type, "created": CREATED, "livemode": False, "email": SECRET, **of, **fields}


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    for ref in (CUSTOMER, INVOICE, DRAFT):
        harness.stripe.objects[ref.path] = body_of(ref)
        harness.stripe.lists[ref.path.rpartition("/")[0]] = []
    return harness


async def filled(harness: Harness) -> None:
    """The mirror holds the customer, two invoices and an object outside the catalog, and former states of each."""
    for ref in (CUSTOMER, INVOICE, DRAFT, THING):
        token, _ = await harness.mirror.claim(ref, 0.0)
        body = body_of(ref, note=noise(700_000, 1)) if ref == DRAFT else body_of(ref)
        customer = None if ref == THING else "cus_1"
        observed = Observation(harness.clock.now(), "v", "req_1", body, json_body.digest(body))
        await harness.mirror.put(ref, token, items.item(ref, observed, customer))
        harness.mirror.former[ref.key] = {"history#1": {"data": body}}


def delete_at_stripe(harness: Harness, *refs: ObjectRef) -> None:
    for ref in refs:
        if ref == CUSTOMER:
            harness.stripe.objects[ref.path] = {"id": ref.id, "object": ref.type, "deleted": True}
        else:
            del harness.stripe.objects[ref.path]


async def forgotten(harness: Harness, cursor: str = "", *, seconds: float = 600.0) -> ForgetReport:
    request = ForgetRequest(("cus_1",), cursor)
    report = await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + seconds)
    assert isinstance(report, ForgetReport)
    return report


def everything(harness: Harness) -> str:
    """All that the mirror, the state store, the queue and the quarantine hold."""
    mirror = harness.mirror
    held = [mirror.objects, mirror.chunks, mirror.former, mirror.removal_notes, harness.state_store.partitions]
    return f"{held} {[one.body for one in harness.queue.waiting]} {harness.queue.quarantined}"


async def test_of_a_deleted_customer_nothing_personal_remains(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    report = await forgotten(harness)
    assert report.answer() == {
        "result": "complete",
        "objects": 4,
        "shown": {},
        "evidence": 0,
        "messages": 0,
        "failed": [],
        "more": False,
        "cursor": "",
    }
    assert SECRET not in everything(harness)
    assert harness.mirror.chunks[DRAFT.key] == {}
    assert harness.mirror.former == {}


async def test_tokens_and_claims_stay(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    await forgotten(harness)
    refs = [CUSTOMER, INVOICE, DRAFT]
    heads, claims = await harness.mirror.heads(refs), await harness.mirror.claims(refs)
    assert {(head.token, head.deleted) for head in heads.values()} == {(2, True)}
    assert {claim.claimed for claim in claims.values()} == {2}
    assert (await harness.mirror.heads([THING]))[THING.key].token == 1


async def test_what_stripe_still_shows_stays_as_stripe_shows_it(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, DRAFT)
    harness.stripe.objects[INVOICE.path] = body_of(INVOICE, email="redacted")
    report = await forgotten(harness)
    assert report.answer()["shown"] == {"invoice": 1}
    assert await harness.mirror.body(INVOICE) == body_of(INVOICE, email="redacted")
    assert SECRET not in everything(harness)


async def test_forgetting_twice_changes_nothing(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    first = await forgotten(harness)
    before = {key: item.get("token") for key, item in harness.mirror.objects.items()}
    assert (await forgotten(harness)).answer() == first.answer()
    assert {key: item.get("token") for key, item in harness.mirror.objects.items()} == before


async def test_other_customers_keep_what_the_mirror_holds(harness: Harness) -> None:
    await filled(harness)
    other = ref_to(SCOPE, "customer", "cus_11")
    harness.stripe.objects[other.path] = body_of(other)
    await harness.mirror.put(other, 1, items.item(other, Observation(1.0, "v", "r", body_of(other), "d"), "cus_11"))
    await harness.mirror.put_tombstone(other, 2, items.tombstone(Observation(2.0, "v", "r"), other, "cus_11"))
    await forgotten(harness)
    assert await harness.mirror.body(other) == body_of(other)


async def test_an_object_that_cannot_be_fetched_stays_and_is_named(harness: Harness) -> None:
    await filled(harness)
    harness.stripe.failures = [Unauthorized("the key lacks a permission")] * 20
    report = await forgotten(harness)
    assert report.answer()["result"] == "failed"
    assert {one.ref.id for one in report.forgotten.failed} == {"cus_1", "in_1", "in_2"}
    assert await harness.mirror.body(INVOICE) == body_of(INVOICE)


async def test_a_deadline_ends_a_request_and_the_next_one_continues(harness: Harness) -> None:
    await filled(harness)
    harness.mirror.per_page = 1
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    report = await forgotten(harness, seconds=0.0)
    assert (report.answer()["result"], report.forgotten.objects) == ("running", 0)
    report = await forgotten(harness, report.forgotten.cursor)
    assert (report.answer()["result"], report.forgotten.objects) == ("complete", 4)


async def test_what_was_not_fetched_in_time_is_fetched_by_the_next_request(harness: Harness) -> None:
    await filled(harness)

    async def never_answer(_: str) -> None:
        await asyncio.Event().wait()

    harness.stripe.before_answer = never_answer
    report = await forgotten(harness, seconds=0.05)
    assert (report.answer()["result"], report.answer()["cursor"]) == ("running", "")
    harness.stripe.before_answer = None
    assert (await forgotten(harness)).answer()["result"] == "complete"


# ---- later


async def test_an_object_that_is_removed_later_leaves_nothing(harness: Harness) -> None:
    """Stripe kept the invoice of the deleted customer, and deletes it after the request."""
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, DRAFT)
    await forgotten(harness)
    delete_at_stripe(harness, INVOICE)
    harness.clock.advance(3600.0)
    await harness.deliver(event("v1.invoice.deleted", body_of(INVOICE), url=INVOICE.path, at=harness.clock.now()))
    assert await harness.mirror.body(INVOICE) == body_of(INVOICE)
    assert await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60) > 0
    assert await harness.mirror.body(INVOICE) is None


async def test_a_later_event_of_a_forgotten_object_brings_nothing_back(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    await forgotten(harness)
    harness.clock.advance(3600.0)
    await harness.deliver(event("v1.customer.deleted", body_of(CUSTOMER), url=CUSTOMER.path, at=harness.clock.now()))
    assert SECRET not in everything(harness)
    assert harness.item("customer/cus_1" if CUSTOMER.key.count("/") else "cus_1")["former_customer"] == "cus_1"


async def test_a_former_state_that_was_being_written_is_emptied_an_hour_later(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, DRAFT)
    await forgotten(harness)
    harness.mirror.former[INVOICE.key] = {"history#2": {"data": body_of(INVOICE)}}
    await harness.mirror.put_chunk(DRAFT, f"chunk#{1:020}#dead#000", b"late")
    harness.clock.advance(REPEATED_AFTER - 1)
    await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
    assert INVOICE.key in harness.mirror.former
    harness.clock.advance(1)
    await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
    assert harness.mirror.former == {}
    assert harness.mirror.chunks[DRAFT.key] == {}
    assert await harness.mirror.body(INVOICE) == body_of(INVOICE)
    assert harness.mirror.removal_notes["test"] == {}


async def test_a_tick_erases_what_is_due(harness: Harness) -> None:
    await filled(harness)
    delete_at_stripe(harness, CUSTOMER, INVOICE, DRAFT)
    await forgotten(harness)
    harness.clock.advance(REPEATED_AFTER)
    await reconcile(None, harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
    assert harness.mirror.removal_notes["test"] == {}


# ---- quarantine and evidence


async def test_messages_about_the_customer_are_reduced_to_an_identity_or_removed(harness: Harness) -> None:
    snapshot = {
        "object": "event",
        "id": "evt_1",
        "type": "invoice.updated",
        "created": CREATED,
        "livemode": False,
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1", "customer_email": SECRET}},
    }
    envelope = {"source": "aws.partner/stripe.com/ed_1", "detail": snapshot}
    unreadable, others = json.dumps({"odd": SECRET, "of": "cus_1"}), json.dumps({"odd": "of cus_11"})
    for body in (json.dumps(snapshot), json.dumps(envelope), unreadable, others):
        await harness.queue.quarantine(body, reason="the key lacks a permission")
    report = await forgotten(harness)
    assert report.forgotten.messages == 3
    kept = [body for body, reason in harness.queue.quarantined if reason == "the key lacks a permission"]
    assert len(kept) == 3
    assert others in kept
    assert {json.loads(body).get("id") for body in kept} == {"evt_1", None}
    assert SECRET not in everything(harness)
    assert (await forgotten(harness)).forgotten.messages == 0


async def test_evidence_keeps_its_counts_and_names_no_fields(harness: Harness) -> None:
    await filled(harness)
    entry: Item = {
        "type": "invoice",
        "id": "in_1",
        "difference": "different",
        "resolution": "repaired",
        "fields": ["customer_email"],
        "reason": "",
        "token": 1,
        "run": "2026-11-01T08:00:00.000Z",
        "noticed_at": "2026-11-01T08:00:01.000Z",
    }
    for name in ("in_1", "in_9"):
        sort_key = f"{entry['run']!s}#{name}"
        await harness.state_store.write(SCOPE, "drift:invoice", sort_key, {**entry, "id": name})
    assert (await forgotten(harness)).forgotten.evidence == 1
    left = {str(one["id"]): one async for one in harness.state_store.entries(SCOPE, "drift:invoice")}
    assert left == {"in_1": {**entry, "fields": []}, "in_9": {**entry, "id": "in_9"}}


# ---- TombstoneDays


@pytest.mark.parametrize("days", [0, 3])
async def test_the_last_body_of_a_removed_object_expires_and_its_head_stays(harness: Harness, days: int) -> None:
    await filled(harness)
    delete_at_stripe(harness, INVOICE)
    harness.tombstone_days = days
    late, _ = await harness.mirror.claim(INVOICE, 0.0)
    removed, _ = await harness.mirror.claim(INVOICE, 0.0)
    await harness.mirror.put_tombstone(
        INVOICE, removed, items.tombstone(Observation(harness.clock.now(), "v", "r"), INVOICE, "cus_1")
    )
    for passed, is_kept in ((0.0, True), (days * DAY - 1, True), (1.0, not days)):
        harness.clock.advance(max(0.0, passed))
        await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
        assert (await harness.mirror.body(INVOICE) is not None) is is_kept
    head = (await harness.mirror.heads([INVOICE]))[INVOICE.key]
    assert (head.token, head.deleted) == (removed, True)
    # However late an older fetch is stored: the head refuses it.
    observed = Observation(1.0, "v", "r", body_of(INVOICE), "digest")
    assert not await harness.mirror.put(INVOICE, late, items.item(INVOICE, observed, "cus_1"))
    assert harness.mirror.removal_notes["test"] == {}


async def test_an_object_that_was_created_again_is_not_erased(harness: Harness) -> None:
    await filled(harness)
    harness.tombstone_days = 1
    stone = items.tombstone(Observation(harness.clock.now(), "v", "r"), INVOICE, "cus_1")
    await harness.mirror.put_tombstone(INVOICE, 2, stone)
    await harness.mirror.put(
        INVOICE, 3, items.item(INVOICE, Observation(1.0, "v", "r", body_of(INVOICE), "d"), "cus_1")
    )
    harness.clock.advance(2 * DAY)
    await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
    assert await harness.mirror.body(INVOICE) == body_of(INVOICE)


async def test_a_table_that_is_down_costs_a_tick_nothing(harness: Harness) -> None:
    await filled(harness)
    harness.mirror.down = True
    with pytest.raises(TransientError):
        await erase_due(harness.reconcile_dependencies, deadline=harness.clock.now() + 60)


async def test_removed_objects_of_connected_accounts_expire_too(harness: Harness) -> None:
    """Also where reconcile does not compare these accounts: process stores their objects all the same."""
    harness.tombstone_days = 1
    body = {**body_of(INVOICE), "created": CREATED}
    for name in ("v1.invoice.created", "v1.invoice.deleted"):
        await harness.deliver(event(name, body, url=INVOICE.path, at=harness.clock.now(), context="acct_1"))
        harness.stripe.objects.pop(INVOICE.path, None)
        harness.clock.advance(3600.0)
    connected = ref_to(Scope(livemode=False, context="acct_1"), "invoice", "in_1")
    assert harness.item("in_1", "test/acct_1")["deleted"]
    for passed, is_kept in ((0.0, True), (2 * DAY, False)):
        harness.clock.advance(passed)
        await reconcile(None, harness.reconcile_dependencies, deadline=harness.clock.now() + 60)
        assert (await harness.mirror.body(connected) is not None) is is_kept


async def test_a_customer_of_a_connected_account_is_forgotten_there_and_nowhere_else(harness: Harness) -> None:
    await filled(harness)
    await harness.deliver(event("v1.customer.updated", body_of(CUSTOMER), url=CUSTOMER.path, context="acct_1"))
    delete_at_stripe(harness, CUSTOMER)
    request = read_request({"job": FORGET, "customers": ["cus_1"], "context": "acct_1"}, livemode=False, now=0.0)
    report = await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 600)
    assert report.answer()["objects"] == 1
    connected = ref_to(Scope(livemode=False, context="acct_1"), "customer", "cus_1")
    assert await harness.mirror.body(connected) is None
    assert await harness.mirror.body(CUSTOMER) == body_of(CUSTOMER)
    assert {request.context for request in harness.stripe.requests[-1:]} == {"acct_1"}


# ---- the request


def test_the_request_is_read() -> None:
    assert read_request({"job": FORGET, "customers": ["cus_1"]}, livemode=True, now=0.0) == ForgetRequest(("cus_1",))
    named = read_request({"job": FORGET, "customers": ["cus_1"], "context": "acct_1"}, livemode=True, now=0.0)
    assert named == ForgetRequest(("cus_1",), context="acct_1")
