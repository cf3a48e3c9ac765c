"""A message that can never succeed, or that is malicious, is quarantined with its reason and blocks no other."""

import json

import pytest

from billing_mirror.core.errors import PermanentError, Unauthorized
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import customer, event, rate, snapshot, subscription_event, version
from tests.unit.harness import Harness

CUSTOMER = "/v1/customers/cus_1"


def _about(type_name: str, identifier: str, url: str, name: str = "v2.some.event") -> str:
    body: JsonObject = {"id": identifier, "object": type_name, "livemode": False}
    return event(name, body, url=url, at=1_600_000_000)


BAD = {
    "a path upwards": _about("customer", "cus_1", "/v1/customers/../customers/cus_1"),
    "an escaped path upwards": _about("customer", "cus_1", "/v1/%2e%2e/customers/cus_1"),
    "another host": _about("customer", "cus_1", "//evil.example/v1/customers/cus_1"),
    "a user before a host": _about("customer", "cus_1", "@evil.example/v1/customers/cus_1"),
    "a scheme": _about("customer", "cus_1", "https://api.stripe.com/v1/customers/cus_1"),
    "a query": _about("customer", "cus_1", "/v1/customers/cus_1?expand[]=sources"),
    "another id": _about("customer", "cus_1", "/v1/customers/cus_2"),
    "a malicious id": _about("customer", "..", "/v1/customers/%2e%2e"),
    "a malicious owner": _about("tax_id", "txi_1", "/v1/customers/%2e%2e/tax_ids/txi_1"),
    "a malicious part's owner": _about("discount", "di_1", "/v1/customers/../discount"),
    "a malicious singleton's owner": _about("cash_balance", "", "/v1/customers/a?b/cash_balance"),
    "a query of a singleton": _about(
        "entitlements.active_entitlement_summary",
        "",
        "/v1/entitlements/active_entitlements?customer=cus_1&expand[]=data.feature",
    ),
    "another type": _about("invoice", "in_1", "/v1/invoices/in_1", "v1.customer.updated"),
    "an unknown type": _about("money.thing", "th_1", "/v1/money/things/th_1", "v1.customer.updated"),
    "an unknown type elsewhere": _about("money.thing", "th_1", "/v1/money/../things/th_1"),
    "a malicious account": event("v1.customer.updated", customer(), url=CUSTOMER, context="acct_1/../acct_2"),
    "a snapshot without an id": snapshot("customer.updated", {"object": "customer", "id": None}),
    "a snapshot with a malicious id": snapshot("customer.updated", {"object": "customer", "id": ".."}),
    "a snapshot of another type": snapshot("customer.updated", {"object": "invoice", "id": "in_1"}),
    "a snapshot of a balance without a customer": snapshot("cash_balance.funds_available", {"object": "cash_balance"}),
    "a snapshot of a malicious owner": snapshot("x.y", {"object": "discount", "id": "di_1", "customer": ".."}),
    "an envelope of another service": json.dumps({"source": "aws.s3", "detail": json.loads(subscription_event())}),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_quarantined_with_its_reason_without_a_request(harness: Harness, name: str) -> None:
    [result] = await harness.deliver(BAD[name])
    assert (result.outcome, harness.stripe.requests) == (Outcome.QUARANTINED, [])
    [(body, reason)] = harness.queue.quarantined
    assert (body, reason) == (BAD[name], result.reason)
    assert reason
    assert not harness.mirror.objects
    assert not harness.mirror.counters


async def test_a_live_event_under_a_test_key_is_not_fetched(stocked: Harness) -> None:
    [result] = await stocked.deliver(subscription_event(livemode=True))
    assert (result.outcome, stocked.stripe.requests) == (Outcome.OTHER_MODE, [])
    assert (stocked.queue.waiting, stocked.queue.quarantined, stocked.mirror.objects) == ([], [], {})


@pytest.mark.parametrize("odd", [{"type": "v2.core.event_destination.ping"}, {"related_object": None}], ids=str)
async def test_an_event_of_the_other_mode_is_ignored_whatever_it_is_about(
    stocked: Harness, odd: dict[str, object]
) -> None:
    [result] = await stocked.deliver(json.dumps(json.loads(subscription_event(livemode=True)) | odd))
    assert (result.outcome, stocked.queue.quarantined) == (Outcome.OTHER_MODE, [])


async def test_an_unreadable_message_does_not_hold_up_its_neighbours(stocked: Harness) -> None:
    results = await stocked.deliver("{", subscription_event())
    assert [result.outcome for result in results] == [Outcome.QUARANTINED, Outcome.STORED]
    assert stocked.queue.quarantined[0][0] == "{"


@pytest.mark.parametrize("error", [PermanentError("Stripe answered 400"), Unauthorized("Stripe answered 401")])
async def test_what_can_never_work_is_kept_with_its_reason(stocked: Harness, error: PermanentError) -> None:
    stocked.stripe.failures = [error]
    body = subscription_event()
    [result] = await stocked.deliver(body)
    assert result.outcome is Outcome.QUARANTINED
    assert stocked.queue.quarantined == [(body, str(error))]


async def test_an_object_that_is_too_large_enqueues_no_other(harness: Harness) -> None:
    home = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"
    harness.stripe.objects[home] = version()
    many = [rate(f"rcdr_{number:060}") for number in range(7000)]
    harness.stripe.lists["/v2/billing/rate_cards/rcd_1/rates?rate_card_version=rcdv_1"] = many
    [result] = await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=home))
    assert (result.outcome, harness.queue.waiting) == (Outcome.QUARANTINED, [])
    assert "too large" in result.reason


async def test_an_unforeseen_error_is_given_some_tries_and_never_quoted(stocked: Harness) -> None:
    stocked.stripe.failures = [ValueError("a customer's secret")] * 8
    await stocked.queue.send(subscription_event(), group="test")
    for _ in range(8):
        [result] = await stocked.work()
        stocked.clock.advance(1000)
    assert result.outcome is Outcome.QUARANTINED
    assert result.reason == "unforeseen ValueError"
    assert "a customer's secret" not in result.trace
    assert "batch.py" in result.trace


async def test_a_quarantine_that_does_not_answer_keeps_the_message(stocked: Harness) -> None:
    await stocked.queue.send("{", group="test")
    stocked.queue.down = True
    [result] = await stocked.work()
    assert result.retry
