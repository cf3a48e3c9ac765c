"""Events that do not name their object: the fetched event's data names whose it is."""

import json
from urllib.parse import quote

import pytest

from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.process.messages import MessageResult
from tests.doubles.samples import subscription_event
from tests.unit.harness import Harness

EVENT = "/v2/core/events/evt_1"
CUSTOMER = "/v1/customers/cus_1"
ENTITLEMENTS = "/v1/entitlements/active_entitlements?customer=cus_1"
SOURCE_CHANGED = "v1.customer.discount.source_changed"
SUMMARY = "entitlements.active_entitlement_summary"


def thin_event(name: str = SOURCE_CHANGED, *, identifier: str = "evt_1", age: float = 100.0, **fields: Json) -> str:
    """A thin event without a related object."""
    created = "2023-11-14T22:13:20Z" if age == 0 else "2023-11-14T22:00:00Z"
    event: JsonObject = {"object": "v2.core.event", "id": identifier, "type": name, "created": created}
    return json.dumps({**event, "livemode": False, **fields})


def stock(harness: Harness, data: Json) -> None:
    harness.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": data}
    harness.stripe.objects[CUSTOMER] = {"id": "cus_1", "object": "customer", "livemode": False}
    harness.stripe.lists[ENTITLEMENTS] = [{"id": "ent_1"}]


async def delivered(harness: Harness, *texts: str) -> MessageResult:
    [result] = await harness.deliver(*texts)
    return result


async def test_a_discount_event_refreshes_the_customer_that_it_names(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    assert (await delivered(harness, thin_event())).outcome is Outcome.STORED
    assert harness.stripe.paths == [EVENT, CUSTOMER]
    assert harness.item("customer/cus_1")["type"] == "customer"


@pytest.mark.parametrize("word", ["updated", "entitlement_added", "entitlement_removed"])
async def test_an_entitlement_event_refreshes_the_customers_list(harness: Harness, word: str) -> None:
    stock(harness, {"customer": "cus_1"})
    result = await delivered(harness, thin_event(f"v1.{SUMMARY}.{word}"))
    assert result.outcome is Outcome.STORED
    item = harness.item(ENTITLEMENTS)
    assert (item["type"], item["customer"], item["parent"]) == (SUMMARY, "cus_1", "cus_1")
    assert item["created"], "else no index would have it"


async def test_an_expanded_customer_counts_as_its_id(harness: Harness) -> None:
    stock(harness, {"customer": {"id": "cus_1", "object": "customer"}})
    assert (await delivered(harness, thin_event())).outcome is Outcome.STORED


@pytest.mark.parametrize("data", [None, {}, [], {"customer": None}, {"customer": ""}, {"customer": 7}, {"other": "x"}])
async def test_an_event_whose_data_names_no_owner_is_ignored(harness: Harness, data: Json) -> None:
    stock(harness, data)
    assert (await delivered(harness, thin_event())).outcome is Outcome.IGNORED
    assert (harness.stripe.paths, harness.mirror.objects) == ([EVENT], {})


async def test_an_event_that_a_proxy_answers_for_is_retried(harness: Harness) -> None:
    """The answer names no owner, and a valid message must not end as ignored."""
    stock(harness, {"customer": "cus_1"})
    harness.stripe.objects[EVENT] = {"error": "unavailable"}
    assert (await delivered(harness, thin_event())).outcome is Outcome.POSTPONED


async def test_an_event_that_stripe_does_not_show_yet_is_retried(harness: Harness) -> None:
    result = await delivered(harness, thin_event(age=0))
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "Stripe does not show the event evt_1 yet")
    stock(harness, {"customer": "cus_1"})
    harness.clock.advance(30)
    [result] = await harness.work()
    assert result.outcome is Outcome.STORED


async def test_an_event_that_stripe_no_longer_keeps_is_ignored(harness: Harness) -> None:
    assert (await delivered(harness, thin_event())).outcome is Outcome.IGNORED


@pytest.mark.parametrize(
    ("customer", "reason"),
    [
        ("..", "an id is one or two dots: no URL can name it"),
        ("cus_1\r\nX: y", "an id has characters that no Stripe id has"),
        ("a" * 5001, "an id has characters that no Stripe id has"),
    ],
)
async def test_a_malicious_customer_is_quarantined_without_a_request(
    harness: Harness, customer: str, reason: str
) -> None:
    stock(harness, {"customer": customer})
    result = await delivered(harness, thin_event())
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, reason)
    assert harness.stripe.paths == [EVENT]


@pytest.mark.parametrize("customer", ["cus_1/../x", "%2e%2e", "//evil.example", "cus_1\\x", "jo@example.com"])
async def test_a_customer_whose_id_was_chosen_is_one_quoted_segment(harness: Harness, customer: str) -> None:
    stock(harness, {"customer": customer})
    await delivered(harness, thin_event())
    assert {path for path in harness.stripe.paths if path != EVENT} == {f"/v1/customers/{quote(customer, safe='')}"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("Stripe answered 503"), Outcome.POSTPONED),
        (PermanentError("Stripe answered 400"), Outcome.QUARANTINED),
        (Unauthorized("Stripe answered 403"), Outcome.QUARANTINED),
    ],
)
async def test_a_failure_to_fetch_the_event_ends_as_any_other(
    harness: Harness, error: Exception, outcome: Outcome
) -> None:
    harness.stripe.failures = [error]
    result = await delivered(harness, thin_event())
    assert (result.outcome, result.reason) == (outcome, str(error))


async def test_an_unforeseen_failure_spares_the_neighbours_and_is_given_some_tries(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    thing = json.loads(thin_event("v1.customer.updated", identifier="evt_2"))
    thing["related_object"] = {"id": "cus_1", "type": "customer", "url": CUSTOMER}

    async def fail(path: str) -> None:
        if path == EVENT:
            raise ValueError("a customer's secret")

    harness.stripe.before_answer = fail
    results = await harness.deliver(thin_event(), json.dumps(thing))
    assert {result.outcome: result.reason for result in results} == {
        Outcome.STORED: "",
        Outcome.POSTPONED: "unforeseen ValueError",
    }


async def test_several_events_about_one_customer_cost_one_fetch(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    harness.stripe.objects["/v2/core/events/evt_2"] = harness.stripe.objects[EVENT] | {"id": "evt_2"}
    results = await harness.deliver(thin_event(), thin_event(identifier="evt_2"))
    assert [result.outcome for result in results] == [Outcome.STORED, Outcome.STORED]
    assert harness.stripe.paths.count(CUSTOMER) == 1


async def test_every_message_of_a_mixed_batch_ends_once(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    results = await harness.deliver(thin_event(), "{", subscription_event(livemode=True))
    assert sorted(result.outcome for result in results) == [Outcome.OTHER_MODE, Outcome.QUARANTINED, Outcome.STORED]
    assert len({result.item.received.message_id for result in results}) == 3


async def test_the_event_is_fetched_in_the_account_that_it_is_of(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    await delivered(harness, thin_event(context="acct_1/acct_2"))
    assert {request.context for request in harness.stripe.requests} == {"acct_1/acct_2"}
    assert list(harness.mirror.objects) == ["test/acct_1/acct_2#customer/cus_1"]


async def test_an_event_of_the_other_mode_is_not_even_fetched(harness: Harness) -> None:
    result = await delivered(harness, thin_event(livemode=True))
    assert (result.outcome, harness.stripe.requests) == (Outcome.OTHER_MODE, [])


async def test_what_cannot_be_named_in_time_is_tried_again(harness: Harness) -> None:
    stock(harness, {"customer": "cus_1"})
    await harness.queue.send(thin_event(), group="test")
    [result] = await harness.work(seconds=0)
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "the function ran out of time")
