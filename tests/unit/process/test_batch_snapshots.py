"""An event that carries its object as it was is a signal like its thin twin, and what it carries is never stored."""

import json

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import customer, event, snapshot
from tests.unit.harness import Harness

CUSTOMER = "/v1/customers/cus_1"


class TestASnapshot:
    async def test_is_a_signal_and_its_payload_is_never_stored(self, harness: Harness) -> None:
        harness.stripe.objects[CUSTOMER] = customer(name="now")
        [result] = await harness.deliver(snapshot("customer.updated", customer(name="as it was")))
        assert result.outcome is Outcome.STORED
        assert harness.item("customer/cus_1")["data"] == customer(name="now")
        assert "as it was" not in repr(harness.mirror.objects)

    @pytest.mark.parametrize("first", ["thin", "snapshot"])
    async def test_and_its_thin_twin_cost_one_fetch(self, harness: Harness, first: str) -> None:
        harness.stripe.objects[CUSTOMER] = customer()
        twins = [event("v1.customer.updated", customer(), url=CUSTOMER), snapshot("customer.updated", customer())]
        results = await harness.deliver(*(twins if first == "thin" else reversed(twins)))
        assert [result.outcome for result in results] == [Outcome.STORED, Outcome.STORED]
        assert harness.stripe.paths == [CUSTOMER]

    async def test_that_comes_later_than_its_twin_is_already_fresh(self, harness: Harness) -> None:
        harness.stripe.objects[CUSTOMER] = customer()
        await harness.queue.send(snapshot("customer.updated", customer()), group="test")
        harness.clock.advance(30)
        harness.queue.waiting[0].visible_at = harness.clock.now() + 10
        await harness.deliver(event("v1.customer.updated", customer(), url=CUSTOMER))
        harness.clock.advance(10)
        [result] = await harness.work()
        assert (result.outcome, harness.stripe.paths) == (Outcome.ALREADY_FRESH, [CUSTOMER])

    async def test_of_something_outside_the_catalog_is_ignored(self, harness: Harness) -> None:
        [result] = await harness.deliver(snapshot("charge.succeeded", {"id": "ch_1", "object": "charge"}))
        assert (result.outcome, harness.stripe.requests) == (Outcome.IGNORED, [])

    async def test_of_an_account_is_fetched_and_stored_in_its_scope(self, harness: Harness) -> None:
        harness.stripe.objects[CUSTOMER] = customer()
        await harness.deliver(snapshot("customer.updated", customer(), account="acct_1"))
        assert [request.context for request in harness.stripe.requests] == ["acct_1"]
        assert list(harness.mirror.objects) == ["test/acct_1#customer/cus_1"]

    async def test_of_a_deletion_that_stripe_confirms_is_a_tombstone(self, harness: Harness) -> None:
        harness.stripe.objects[CUSTOMER] = {"id": "cus_1", "object": "customer", "deleted": True}
        [result] = await harness.deliver(snapshot("customer.deleted", customer()))
        assert (result.outcome, harness.item("customer/cus_1")["deleted"]) == (Outcome.REMOVED, True)

    async def test_in_eventbridges_envelope_is_read_from_the_queue_as_it_is(self, harness: Harness) -> None:
        harness.stripe.objects[CUSTOMER] = customer()
        detail = json.loads(snapshot("customer.updated", customer()))
        wrapped = {"version": "0", "id": "x", "source": "aws.partner/stripe.com/ed_1", "detail": detail}
        [result] = await harness.deliver(json.dumps(wrapped))
        assert result.outcome is Outcome.STORED

    async def test_of_what_has_no_id_is_not_answered_by_the_json_of_a_proxy(self, harness: Harness) -> None:
        harness.stripe.objects[f"{CUSTOMER}/cash_balance"] = {"error": "unavailable"}
        body: JsonObject = {"object": "cash_balance", "customer": "cus_1", "livemode": False}
        [result] = await harness.deliver(snapshot("cash_balance.funds_available", body))
        assert (result.outcome, harness.mirror.objects) == (Outcome.POSTPONED, {})

    async def test_of_a_customers_cash_balance_ends_under_its_path(self, harness: Harness) -> None:
        path = f"{CUSTOMER}/cash_balance"
        body: JsonObject = {"object": "cash_balance", "customer": "cus_1", "available": {"usd": 1}, "livemode": False}
        harness.stripe.objects[path] = body
        [result] = await harness.deliver(snapshot("cash_balance.funds_available", body))
        assert result.outcome is Outcome.STORED
        item = harness.item(path)
        assert (item["id"], item["customer"], item["data"]) == (path, "cus_1", body)
