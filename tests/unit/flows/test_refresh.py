"""What a message of the queue ends as."""

import asyncio
import json

import pytest

from billing_mirror.core import times
from billing_mirror.core.body import JsonObject
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.subject import Scope, named
from tests.doubles.samples import cadence, event, subscription, subscription_event

from .conftest import House

SUBSCRIPTION = "/v2/billing/rate_card_subscriptions/rcds_1"
CADENCE = "/v2/billing/cadences/bc_1"


@pytest.fixture
def stocked(house: House) -> House:
    house.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence()}
    return house


async def test_an_event_ends_as_what_stripe_shows_now(stocked: House) -> None:
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.STORED
    assert stocked.item("rcds_1")["data"] == subscription()
    assert stocked.queue.waiting == []


async def test_the_columns_that_indexes_need_come_from_the_object(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    item = stocked.item("rcds_1")
    assert {name: item[name] for name in ("type", "scope", "parent", "status", "collection_status")} == {
        "type": "v2.billing.rate_card_subscription",
        "scope": "test",
        "parent": "rcd_1",
        "status": "active",
        "collection_status": "current",
    }


async def test_the_customer_of_a_subscription_is_found_through_its_cadence(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    assert stocked.item("rcds_1")["customer"] == "cus_1"
    assert stocked.item("bc_1")["data"] == cadence()


async def test_a_cadence_that_is_mirrored_is_not_fetched_again(stocked: House) -> None:
    stocked.stripe.objects["/v2/billing/rate_card_subscriptions/rcds_2"] = subscription("rcds_2")
    await stocked.deliver(subscription_event())
    await stocked.deliver(subscription_event(identifier="rcds_2"))
    assert [asked.path for asked in stocked.stripe.asked].count(CADENCE) == 1


async def test_events_about_one_object_are_fetched_once(stocked: House) -> None:
    results = await stocked.deliver(*(subscription_event(name) for name in ("activated", "servicing_activated")))
    assert [ended.outcome for ended in results] == [Outcome.STORED, Outcome.STORED]
    assert [asked.path for asked in stocked.stripe.asked].count(SUBSCRIPTION) == 1


async def test_a_message_older_than_the_mirrored_fetch_costs_no_request(stocked: House) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    stocked.clock.advance(60)
    await stocked.deliver(subscription_event())
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 30
    asked = len(stocked.stripe.asked)
    [ended] = await stocked.work()
    assert (ended.outcome, len(stocked.stripe.asked)) == (Outcome.ABSORBED, asked)


async def test_a_message_within_the_margin_is_not_absorbed(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= stocked.absorb_margin - 0.5
    [ended] = await stocked.work()
    assert ended.outcome is Outcome.STORED


async def test_a_late_message_is_not_absorbed_with_an_early_one_about_the_same_object(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 100
    results = await stocked.deliver(subscription_event("canceled"))
    assert [ended.outcome for ended in results] == [Outcome.STORED, Outcome.STORED]
    assert stocked.item("rcds_1")["status"] == "canceled"


async def test_a_message_is_not_absorbed_while_an_older_look_may_still_be_written(stocked: House) -> None:
    """Somebody claimed after the mirrored look, fetched before the change, and has not written yet."""
    await stocked.deliver(subscription_event())
    one = named(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1")
    late_token = await stocked.mirror.claim(one, stocked.clock.now())
    late_item = stocked.item("rcds_1")
    stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
    stocked.mirror.objects["test#rcds_1"] = {
        **late_item,
        "data": subscription(servicing_status="canceled"),
        "fetched_at": times.iso(stocked.clock.now() + 100),
    }
    await stocked.deliver(subscription_event("canceled"))
    await stocked.mirror.put(one, late_token, late_item)
    assert stocked.item("rcds_1")["data"] == subscription(servicing_status="canceled")


async def test_without_a_margin_nothing_is_absorbed(stocked: House) -> None:
    stocked.absorb_margin = 0
    await stocked.deliver(subscription_event())
    await stocked.queue.send(subscription_event(), group="test")
    stocked.queue.waiting[0].sent_at -= 1000
    [ended] = await stocked.work()
    assert ended.outcome is Outcome.UNCHANGED


async def test_a_slow_old_read_never_replaces_a_newer_one(stocked: House) -> None:
    """The claim is taken before the fetch: here the body is read, then everybody else overtakes."""

    async def overtake(path: str) -> None:
        if path != SUBSCRIPTION:
            return
        stocked.stripe.before_answer = None
        stocked.stripe.objects[SUBSCRIPTION] = subscription(servicing_status="canceled")
        await stocked.deliver(subscription_event("canceled"))

    await stocked.deliver(subscription_event())
    stocked.clock.advance(100)
    await stocked.queue.send(subscription_event(), group="test")
    stocked.stripe.before_answer = overtake
    [ended] = await stocked.work()
    assert ended.outcome is Outcome.SUPERSEDED
    assert stocked.item("rcds_1")["status"] == "canceled"


async def test_an_unchanged_object_still_takes_the_newer_token(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    stocked.clock.advance(100)
    [ended] = await stocked.deliver(subscription_event())
    assert (ended.outcome, stocked.item("rcds_1")["token"]) == (Outcome.UNCHANGED, 2)


async def test_what_is_gone_becomes_a_tombstone_with_its_last_body(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[SUBSCRIPTION]
    stocked.clock.advance(100)
    [ended] = await stocked.deliver(subscription_event("canceled"))
    item = stocked.item("rcds_1")
    assert (ended.outcome, item["deleted"], item["data"]) == (Outcome.REMOVED, True, subscription())
    assert "created" not in item
    assert "customer" not in item


async def test_a_notice_of_deletion_is_a_tombstone_too(house: House) -> None:
    deleted: JsonObject = {"id": "cus_1", "object": "customer", "deleted": True, "livemode": False}
    house.stripe.objects["/v1/customers/cus_1"] = deleted
    [ended] = await house.deliver(event("v1.customer.deleted", deleted, url="/v1/customers/cus_1"))
    assert (ended.outcome, house.item("cus_1")["deleted"]) == (Outcome.REMOVED, True)


async def test_a_tombstone_is_revived_by_a_later_look(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    body = stocked.stripe.objects.pop(SUBSCRIPTION)
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event("canceled"))
    stocked.stripe.objects[SUBSCRIPTION] = body
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event())
    assert "deleted" not in stocked.item("rcds_1")


async def test_a_new_object_that_stripe_does_not_show_yet_is_tried_again(house: House) -> None:
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=house.clock.now() - 1)
    [ended] = await house.deliver(made)
    assert ended.outcome is Outcome.POSTPONED
    assert "test#bc_1" not in house.mirror.objects
    house.stripe.objects[CADENCE] = cadence()
    house.clock.advance(10)
    [ended] = await house.work()
    assert ended.outcome is Outcome.STORED


async def test_a_new_object_that_never_appears_ends_as_a_tombstone(house: House) -> None:
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=house.clock.now() - 120)
    [ended] = await house.deliver(made)
    assert ended.outcome is Outcome.REMOVED


async def test_a_type_outside_the_catalog_is_mirrored_all_the_same(house: House) -> None:
    thing: JsonObject = {"id": "th_1", "object": "money.thing", "created": 1700000000, "livemode": False}
    house.stripe.objects["/v1/money/things/th_1"] = thing
    [ended] = await house.deliver(event("v1.money.thing.created", thing, url="/v1/money/things/th_1"))
    assert ended.outcome is Outcome.STORED
    assert house.item("th_1")["created"] == "2023-11-14T22:13:20.000Z"
    assert house.stripe.asked[0].api == "ga"


@pytest.mark.parametrize("type_name", ["v2.core.event_destination.ping", "v2.money.thing.happened"])
async def test_an_event_about_nothing_that_can_be_mirrored_is_done(house: House, type_name: str) -> None:
    text = json.loads(subscription_event()) | {"type": type_name}
    if "ping" not in type_name:
        del text["related_object"]
    [ended] = await house.deliver(json.dumps(text))
    assert ended.outcome is Outcome.IGNORED
    assert house.stripe.asked == []


@pytest.mark.parametrize(
    "error", [Retryable("busy", throttled=True), Retryable("down"), Retryable("wait", retry_after=90)]
)
async def test_what_may_pass_is_tried_again_later(stocked: House, error: Retryable) -> None:
    stocked.stripe.failures = [error]
    [ended] = await stocked.deliver(subscription_event())
    assert (ended.outcome, ended.reason) == (Outcome.POSTPONED, str(error))
    wait = stocked.queue.waiting[0].visible_at - stocked.clock.now()
    assert max(4, error.retry_after or 0) <= wait <= 90


async def test_an_outage_of_three_days_uses_up_less_than_a_thousand_receives(stocked: House) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    end = stocked.clock.now() + 3 * 86400
    receives = 0
    while stocked.clock.now() < end:
        stocked.stripe.failures = [Retryable("down")]
        receives += len(await stocked.work())
        stocked.clock.advance(60)
    stocked.stripe.failures = []
    stocked.clock.advance(900)
    [ended] = await stocked.work()
    assert ended.outcome is Outcome.STORED
    assert stocked.queue.quarantined == []
    assert receives < 1000 / 2


@pytest.mark.parametrize("error", [Refused("Stripe answered 400"), Unauthorized("Stripe answered 401")])
async def test_what_can_never_work_is_kept_with_its_reason(stocked: House, error: Refused) -> None:
    stocked.stripe.failures = [error]
    body = subscription_event()
    [ended] = await stocked.deliver(body)
    assert ended.outcome is Outcome.QUARANTINED
    assert stocked.queue.quarantined == [(body, str(error))]


async def test_an_unreadable_message_does_not_hold_up_its_neighbours(stocked: House) -> None:
    results = await stocked.deliver("{", subscription_event())
    assert [ended.outcome for ended in results] == [Outcome.QUARANTINED, Outcome.STORED]
    assert stocked.queue.quarantined[0][0] == "{"


async def test_a_live_event_under_a_test_key_is_not_fetched(stocked: House) -> None:
    [ended] = await stocked.deliver(subscription_event(livemode=True))
    assert (ended.outcome, stocked.stripe.asked) == (Outcome.QUARANTINED, [])


async def test_an_unforeseen_error_is_given_some_tries_and_never_quoted(stocked: House) -> None:
    stocked.stripe.failures = [ValueError("a customer's secret")] * 8
    await stocked.queue.send(subscription_event(), group="test")
    for _ in range(8):
        [ended] = await stocked.work()
        stocked.clock.advance(1000)
    assert ended.outcome is Outcome.QUARANTINED
    assert ended.reason == "unforeseen ValueError"
    assert "a customer's secret" not in ended.trace
    assert "refresh.py" in ended.trace


async def test_what_is_not_done_in_time_is_tried_again(stocked: House) -> None:
    await stocked.queue.send(subscription_event(), group="test")
    [ended] = await stocked.work(seconds=0)
    assert (ended.outcome, ended.reason) == (Outcome.POSTPONED, "the function ran out of time")


async def test_an_answer_that_comes_too_late_is_not_waited_for(stocked: House) -> None:
    async def dawdle(_: str) -> None:
        await asyncio.sleep(60)

    stocked.stripe.before_answer = dawdle
    await stocked.queue.send(subscription_event(), group="test")
    [ended] = await stocked.work(seconds=0.05)
    assert (ended.outcome, ended.reason) == (Outcome.POSTPONED, "the function ran out of time")


async def test_while_the_table_is_down_nothing_is_lost(stocked: House) -> None:
    stocked.mirror.down = True
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.POSTPONED
    stocked.mirror.down = False
    stocked.clock.advance(10)
    assert [one.outcome for one in await stocked.work()] == [Outcome.STORED]


async def test_a_quarantine_that_does_not_answer_keeps_the_message(stocked: House) -> None:
    await stocked.queue.send("{", group="test")
    stocked.queue.down = True
    [ended] = await stocked.work()
    assert ended.later


async def test_two_accounts_with_the_same_id_never_meet(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    await stocked.deliver(subscription_event(context="acct_1/acct_2"))
    assert set(stocked.mirror.objects) >= {"test#rcds_1", "test/acct_1/acct_2#rcds_1"}
    assert {asked.context for asked in stocked.stripe.asked} == {None, "acct_1/acct_2"}


async def test_fields_that_stripe_only_sends_on_request_are_asked_for(stocked: House) -> None:
    await stocked.deliver(event("v2.billing.cadence.created", cadence(), url=CADENCE))
    assert stocked.stripe.asked[0].include == ("invoice_discount_rules", "settings_data")


async def test_another_object_than_the_one_asked_for_is_not_stored(stocked: House) -> None:
    stocked.stripe.objects[SUBSCRIPTION] = subscription("rcds_2")
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.POSTPONED
    assert named(Scope(livemode=False), "v2.billing.rate_card_subscription", "rcds_1").key not in stocked.mirror.objects


async def test_the_time_that_is_kept_is_when_the_fetch_began(stocked: House) -> None:
    began = stocked.clock.now()

    async def take_long(_: str) -> None:
        stocked.clock.advance(30)

    stocked.stripe.before_answer = take_long
    await stocked.deliver(subscription_event())
    assert stocked.item("rcds_1")["fetched_at"] == times.iso(began)


async def test_the_time_that_is_kept_of_what_is_gone_is_when_the_fetch_began(stocked: House) -> None:
    began = stocked.clock.now()

    async def take_long(path: str) -> None:
        stocked.clock.advance(30)
        raise Gone(path)

    stocked.stripe.before_answer = take_long
    await stocked.deliver(subscription_event("canceled", at=began - 100))
    assert stocked.item("rcds_1")["fetched_at"] == times.iso(began)


async def test_a_cadence_that_stripe_does_not_show_yet_is_waited_for(stocked: House) -> None:
    late = stocked.stripe.objects.pop(CADENCE)
    stocked.stripe.objects[SUBSCRIPTION] = subscription(created=times.iso(stocked.clock.now() - 5))
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.POSTPONED
    assert "test#bc_1" not in stocked.mirror.objects
    stocked.stripe.objects[CADENCE] = late
    stocked.clock.advance(10)
    await stocked.work()
    assert stocked.item("rcds_1")["customer"] == "cus_1"


async def test_a_removed_cadence_still_tells_whose_the_subscription_is(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[CADENCE]
    stocked.clock.advance(100)
    await stocked.deliver(event("v2.billing.cadence.canceled", cadence(), url=CADENCE))
    assert stocked.item("bc_1")["deleted"] is True
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event("paused"))
    assert stocked.item("rcds_1")["customer"] == "cus_1"


async def test_an_object_of_the_other_mode_is_not_stored(stocked: House) -> None:
    stocked.stripe.objects[SUBSCRIPTION] = subscription(livemode=True)
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.POSTPONED
    assert "test#rcds_1" not in stocked.mirror.objects


async def test_a_cadence_that_stripe_refuses_does_not_keep_the_subscription_out(stocked: House) -> None:
    async def refuse(path: str) -> None:
        if path == CADENCE:
            raise Refused("Stripe answered 400")

    stocked.stripe.before_answer = refuse
    [ended] = await stocked.deliver(subscription_event())
    assert ended.outcome is Outcome.STORED
    assert "customer" not in stocked.item("rcds_1")
