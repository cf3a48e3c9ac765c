"""Events that do not name their object: the fetched event's data names whose it is."""

import json

import pytest

from billing_mirror.core.errors import Refused, Retryable, Unauthorized
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.outcome import Outcome
from billing_mirror.process.messages import Ended
from tests.doubles.samples import subscription_event
from tests.unit.harness import House

EVENT = "/v2/core/events/evt_1"
CUSTOMER = "/v1/customers/cus_1"
ENTITLEMENTS = "/v1/entitlements/active_entitlements?customer=cus_1"
SOURCE_CHANGED = "v1.customer.discount.source_changed"
SUMMARY = "entitlements.active_entitlement_summary"


def told(name: str = SOURCE_CHANGED, *, identifier: str = "evt_1", age: float = 100.0, **fields: Json) -> str:
    """A thin event without a related object."""
    created = "2023-11-14T22:13:20Z" if age == 0 else "2023-11-14T22:00:00Z"
    event: JsonObject = {"object": "v2.core.event", "id": identifier, "type": name, "created": created}
    return json.dumps({**event, "livemode": False, **fields})


def stock(house: House, data: Json) -> None:
    house.stripe.objects[EVENT] = {"id": "evt_1", "object": "v2.core.event", "data": data}
    house.stripe.objects[CUSTOMER] = {"id": "cus_1", "object": "customer", "livemode": False}
    house.stripe.lists[ENTITLEMENTS] = [{"id": "ent_1"}]


async def delivered(house: House, *texts: str) -> Ended:
    [ended] = await house.deliver(*texts)
    return ended


async def test_news_of_a_discount_refreshes_the_customer_that_the_event_names(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    assert (await delivered(house, told())).outcome is Outcome.STORED
    assert house.stripe.paths == [EVENT, CUSTOMER]
    assert house.item("customer/cus_1")["type"] == "customer"


@pytest.mark.parametrize("word", ["updated", "entitlement_added", "entitlement_removed"])
async def test_news_of_entitlements_refreshes_the_customers_list(house: House, word: str) -> None:
    stock(house, {"customer": "cus_1"})
    ended = await delivered(house, told(f"v1.{SUMMARY}.{word}"))
    assert ended.outcome is Outcome.STORED
    item = house.item(ENTITLEMENTS)
    assert (item["type"], item["customer"], item["parent"]) == (SUMMARY, "cus_1", "cus_1")
    assert item["created"], "else no index would have it"


async def test_an_expanded_customer_counts_as_its_id(house: House) -> None:
    stock(house, {"customer": {"id": "cus_1", "object": "customer"}})
    assert (await delivered(house, told())).outcome is Outcome.STORED


@pytest.mark.parametrize("data", [None, {}, [], {"customer": None}, {"customer": ""}, {"customer": 7}, {"other": "x"}])
async def test_an_event_whose_data_names_nobody_is_ignored(house: House, data: Json) -> None:
    stock(house, data)
    assert (await delivered(house, told())).outcome is Outcome.IGNORED
    assert (house.stripe.paths, house.mirror.objects) == ([EVENT], {})


async def test_an_event_instead_of_which_a_proxy_answers_is_asked_for_again(house: House) -> None:
    """Its data names nobody, which would end a healthy message for good."""
    stock(house, {"customer": "cus_1"})
    house.stripe.objects[EVENT] = {"error": "unavailable"}
    assert (await delivered(house, told())).outcome is Outcome.POSTPONED


async def test_an_event_that_stripe_does_not_show_yet_is_asked_for_again(house: House) -> None:
    ended = await delivered(house, told(age=0))
    assert (ended.outcome, ended.reason) == (Outcome.POSTPONED, "Stripe does not show the event evt_1 yet")
    stock(house, {"customer": "cus_1"})
    house.clock.advance(30)
    [ended] = await house.work()
    assert ended.outcome is Outcome.STORED


async def test_an_event_that_stripe_no_longer_keeps_is_ignored(house: House) -> None:
    assert (await delivered(house, told())).outcome is Outcome.IGNORED


@pytest.mark.parametrize(
    "customer", ["..", "cus_1/../x", "%2e%2e", "//evil.example", "cus_1\\x", "cus_1\r\nX: y", "a" * 256]
)
async def test_a_hostile_customer_is_kept_with_its_reason_and_nothing_is_asked(house: House, customer: str) -> None:
    stock(house, {"customer": customer})
    ended = await delivered(house, told())
    assert (ended.outcome, ended.reason) == (Outcome.QUARANTINED, "an id has characters that no Stripe id has")
    assert house.stripe.paths == [EVENT]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Retryable("Stripe answered 503"), Outcome.POSTPONED),
        (Refused("Stripe answered 400"), Outcome.QUARANTINED),
        (Unauthorized("Stripe answered 403"), Outcome.QUARANTINED),
    ],
)
async def test_a_failure_to_fetch_the_event_ends_as_any_other(house: House, error: Exception, outcome: Outcome) -> None:
    house.stripe.failures = [error]
    ended = await delivered(house, told())
    assert (ended.outcome, ended.reason) == (outcome, str(error))


async def test_an_unforeseen_failure_spares_the_neighbours_and_is_given_some_tries(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    thing = json.loads(told("v1.customer.updated", identifier="evt_2"))
    thing["related_object"] = {"id": "cus_1", "type": "customer", "url": CUSTOMER}

    async def fail(path: str) -> None:
        if path == EVENT:
            raise ValueError("a customer's secret")

    house.stripe.before_answer = fail
    results = await house.deliver(told(), json.dumps(thing))
    assert {ended.outcome: ended.reason for ended in results} == {
        Outcome.STORED: "",
        Outcome.POSTPONED: "unforeseen ValueError",
    }


async def test_several_events_about_one_customer_cost_one_look(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    house.stripe.objects["/v2/core/events/evt_2"] = house.stripe.objects[EVENT] | {"id": "evt_2"}
    results = await house.deliver(told(), told(identifier="evt_2"))
    assert [ended.outcome for ended in results] == [Outcome.STORED, Outcome.STORED]
    assert house.stripe.paths.count(CUSTOMER) == 1


async def test_every_message_of_a_mixed_batch_ends_once(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    results = await house.deliver(told(), "{", subscription_event(livemode=True))
    assert sorted(ended.outcome for ended in results) == [Outcome.QUARANTINED, Outcome.QUARANTINED, Outcome.STORED]
    assert len({ended.task.received.message_id for ended in results}) == 3


async def test_the_event_is_fetched_in_the_account_that_it_is_of(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    await delivered(house, told(context="acct_1/acct_2"))
    assert {asked.context for asked in house.stripe.asked} == {"acct_1/acct_2"}
    assert list(house.mirror.objects) == ["test/acct_1/acct_2#customer/cus_1"]


async def test_an_event_of_the_other_mode_is_not_even_fetched(house: House) -> None:
    ended = await delivered(house, told(livemode=True))
    assert (ended.outcome, house.stripe.asked) == (Outcome.QUARANTINED, [])


async def test_what_cannot_be_named_in_time_is_tried_again(house: House) -> None:
    stock(house, {"customer": "cus_1"})
    await house.queue.send(told(), group="test")
    [ended] = await house.work(seconds=0)
    assert (ended.outcome, ended.reason) == (Outcome.POSTPONED, "the function ran out of time")
