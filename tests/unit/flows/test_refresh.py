"""What a message of the queue ends as."""

import asyncio
import json
import random

import pytest

from billing_mirror.core import times
from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.subject import Scope, named
from billing_mirror.flows.refresh import AT_ONCE
from tests.doubles.samples import cadence, event, rate, sample, snapshot, subscription, subscription_event, version

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


async def test_a_message_is_not_absorbed_by_a_tombstone_unless_it_tells_of_the_end(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    del stocked.stripe.objects[SUBSCRIPTION]
    stocked.clock.advance(120)
    await stocked.deliver(subscription_event("servicing_canceled"))
    assert stocked.item("rcds_1")["deleted"] is True
    stocked.stripe.objects[SUBSCRIPTION] = subscription()
    for name, outcome in (("deleted", Outcome.ABSORBED), ("servicing_paused", Outcome.STORED)):
        await stocked.queue.send(subscription_event(name), group="test")
        stocked.queue.waiting[0].sent_at -= 30
        [ended] = await stocked.work()
        assert ended.outcome is outcome


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
    assert (ended.outcome, house.item("customer/cus_1")["deleted"]) == (Outcome.REMOVED, True)


async def test_a_tombstone_is_revived_by_a_later_look(stocked: House) -> None:
    await stocked.deliver(subscription_event())
    body = stocked.stripe.objects.pop(SUBSCRIPTION)
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event("canceled"))
    stocked.stripe.objects[SUBSCRIPTION] = body
    stocked.clock.advance(100)
    await stocked.deliver(subscription_event())
    assert "deleted" not in stocked.item("rcds_1")


async def test_what_comes_back_as_it_was_is_stored_and_not_unchanged(house: House) -> None:
    home = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
    outcomes = []
    for body in (rate(), None, rate()):
        house.stripe.objects = {home: body} if body else {}
        results = await house.deliver(event("v2.billing.rate_card_rate.updated", rate(), url=home))
        outcomes += [ended.outcome for ended in results]
        house.clock.advance(100)
    assert outcomes == [Outcome.STORED, Outcome.REMOVED, Outcome.STORED]


async def test_a_new_object_that_stripe_does_not_show_yet_is_tried_again(house: House) -> None:
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=house.clock.now() - 1)
    [ended] = await house.deliver(made)
    assert ended.outcome is Outcome.POSTPONED
    assert "test#bc_1" not in house.mirror.objects
    house.stripe.objects[CADENCE] = cadence()
    house.clock.advance(10)
    [ended] = await house.work()
    assert ended.outcome is Outcome.STORED


@pytest.mark.parametrize("age", [120, -30 * 86400], ids=["old", "made by a test clock in the future"])
async def test_a_new_object_that_never_appears_ends_as_a_tombstone(house: House, age: float) -> None:
    made = event("v2.billing.cadence.created", cadence(), url=CADENCE, at=house.clock.now() - age)
    [ended] = await house.deliver(made)
    assert ended.outcome is Outcome.REMOVED


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"updated": 1}, Outcome.POSTPONED),
        ({"updated": 1, "paused": 100}, Outcome.POSTPONED),
        ({"created": 1, "deleted": 1}, Outcome.POSTPONED),
        ({"updated": 100}, Outcome.REMOVED),
        ({"deleted": 1}, Outcome.REMOVED),
        ({"updated": 1, "deleted": 100}, Outcome.REMOVED),
        ({"created": 100, "deleted": 1}, Outcome.REMOVED),
    ],
    ids=str,
)
async def test_a_mirrored_object_that_an_answer_lacks_is_gone_once_news_are_old_or_say_so(
    house: House, told: dict[str, float], outcome: Outcome
) -> None:
    """The replica that answered may be behind. The numbers are the ages of events, in seconds."""
    house.stripe.objects[CADENCE] = cadence()
    await house.deliver(event("v2.billing.cadence.created", cadence(), url=CADENCE))
    house.clock.advance(200)
    del house.stripe.objects[CADENCE]
    now = house.clock.now()
    texts = [event(f"v2.billing.cadence.{word}", cadence(), url=CADENCE, at=now - age) for word, age in told.items()]
    assert {ended.outcome for ended in await house.deliver(*texts)} == {outcome}
    house.clock.advance(60)
    await house.work()
    assert house.item("bc_1")["deleted"] is True


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


async def test_an_object_that_is_too_large_makes_nothing_else_doubtful(house: House) -> None:
    home = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"
    large = version(noise=random.Random(1).randbytes(500_000).hex())
    house.stripe.objects[home] = large
    house.stripe.lists["/v2/billing/rate_cards/rcd_1/rates?rate_card_version=rcdv_1"] = [rate()]
    [ended] = await house.deliver(event("v2.billing.rate_card_version.created", version(), url=home))
    assert (ended.outcome, house.queue.waiting) == (Outcome.QUARANTINED, [])
    assert "too large" in ended.reason


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


class TestABatchOfVeryManySubjects:
    MANY = 50

    async def send(self, house: House) -> None:
        for number in range(self.MANY):
            one = subscription(f"rcds_{number}", billing_cadence=f"bc_{number}")
            house.stripe.objects[f"/v2/billing/rate_card_subscriptions/rcds_{number}"] = one
            house.stripe.objects[f"/v2/billing/cadences/bc_{number}"] = cadence(f"bc_{number}")
            await house.queue.send(subscription_event(identifier=f"rcds_{number}"), group="test")

    async def test_ends_with_some_of_them_done_when_stripe_has_time_for_one_request_each(self, house: House) -> None:
        """Each takes two: with all of them at once, none would come to its end."""
        await self.send(house)

        async def answer_some(_: str) -> None:
            if len(house.stripe.asked) > self.MANY:
                await asyncio.sleep(60)

        house.stripe.before_answer = answer_some
        results = await house.work(seconds=0.5)
        assert {ended.outcome for ended in results} == {Outcome.STORED, Outcome.POSTPONED}

    async def test_is_worked_on_by_a_few_at_once_until_all_are_done(self, house: House) -> None:
        await self.send(house)
        running: list[str] = []
        most = 0

        async def count(path: str) -> None:
            nonlocal most
            running.append(path)
            most = max(most, len(running))
            await asyncio.sleep(0)
            running.remove(path)

        house.stripe.before_answer = count
        results = await house.work()
        assert [ended.outcome for ended in results] == [Outcome.STORED] * self.MANY
        assert 1 < most <= AT_ONCE < self.MANY


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


CUSTOMER = "/v1/customers/cus_1"
REPORTED = "v1.billing.meter.error_report_triggered"


def customer(**fields: Json) -> JsonObject:
    return {"id": "cus_1", "object": "customer", "created": 1_600_000_000, "livemode": False, **fields}


class TestASnapshot:
    async def test_is_a_signal_and_its_payload_is_never_stored(self, house: House) -> None:
        house.stripe.objects[CUSTOMER] = customer(name="now")
        [ended] = await house.deliver(snapshot("customer.updated", customer(name="as it was")))
        assert ended.outcome is Outcome.STORED
        assert house.item("customer/cus_1")["data"] == customer(name="now")
        assert "as it was" not in repr(house.mirror.objects)

    @pytest.mark.parametrize("first", ["thin", "snapshot"])
    async def test_and_its_thin_twin_cost_one_fetch(self, house: House, first: str) -> None:
        house.stripe.objects[CUSTOMER] = customer()
        twins = [event("v1.customer.updated", customer(), url=CUSTOMER), snapshot("customer.updated", customer())]
        results = await house.deliver(*(twins if first == "thin" else reversed(twins)))
        assert [ended.outcome for ended in results] == [Outcome.STORED, Outcome.STORED]
        assert house.stripe.paths == [CUSTOMER]

    async def test_that_comes_later_than_its_twin_is_absorbed(self, house: House) -> None:
        house.stripe.objects[CUSTOMER] = customer()
        await house.queue.send(snapshot("customer.updated", customer()), group="test")
        house.clock.advance(30)
        house.queue.waiting[0].visible_at = house.clock.now() + 10
        await house.deliver(event("v1.customer.updated", customer(), url=CUSTOMER))
        house.clock.advance(10)
        [ended] = await house.work()
        assert (ended.outcome, house.stripe.paths) == (Outcome.ABSORBED, [CUSTOMER])

    async def test_of_something_outside_the_catalog_is_ignored(self, house: House) -> None:
        [ended] = await house.deliver(snapshot("charge.succeeded", {"id": "ch_1", "object": "charge"}))
        assert (ended.outcome, house.stripe.asked) == (Outcome.IGNORED, [])

    async def test_of_an_account_is_asked_for_and_kept_in_it(self, house: House) -> None:
        house.stripe.objects[CUSTOMER] = customer()
        await house.deliver(snapshot("customer.updated", customer(), account="acct_1"))
        assert [asked.context for asked in house.stripe.asked] == ["acct_1"]
        assert list(house.mirror.objects) == ["test/acct_1#customer/cus_1"]

    async def test_of_a_deletion_that_stripe_confirms_is_a_tombstone(self, house: House) -> None:
        house.stripe.objects[CUSTOMER] = {"id": "cus_1", "object": "customer", "deleted": True}
        [ended] = await house.deliver(snapshot("customer.deleted", customer()))
        assert (ended.outcome, house.item("customer/cus_1")["deleted"]) == (Outcome.REMOVED, True)

    async def test_in_eventbridges_envelope_is_read_from_the_queue_as_it_is(self, house: House) -> None:
        house.stripe.objects[CUSTOMER] = customer()
        detail = json.loads(snapshot("customer.updated", customer()))
        wrapped = {"version": "0", "id": "x", "source": "aws.partner/stripe.com/ed_1", "detail": detail}
        [ended] = await house.deliver(json.dumps(wrapped))
        assert ended.outcome is Outcome.STORED

    async def test_of_what_has_no_id_is_not_answered_by_the_json_of_a_proxy(self, house: House) -> None:
        house.stripe.objects[f"{CUSTOMER}/cash_balance"] = {"error": "unavailable"}
        body: JsonObject = {"object": "cash_balance", "customer": "cus_1", "livemode": False}
        [ended] = await house.deliver(snapshot("cash_balance.funds_available", body))
        assert (ended.outcome, house.mirror.objects) == (Outcome.POSTPONED, {})

    async def test_of_a_customers_cash_balance_ends_under_its_path(self, house: House) -> None:
        path = f"{CUSTOMER}/cash_balance"
        body: JsonObject = {"object": "cash_balance", "customer": "cus_1", "available": {"usd": 1}, "livemode": False}
        house.stripe.objects[path] = body
        [ended] = await house.deliver(snapshot("cash_balance.funds_available", body))
        assert ended.outcome is Outcome.STORED
        item = house.item(path)
        assert (item["id"], item["customer"], item["data"]) == (path, "cus_1", body)


class TestAMetersErrorReport:
    """It is in no other object than its event."""

    def report(self) -> str:
        meter: JsonObject = {"id": "mtr_1", "object": "billing.meter", "livemode": False}
        return event(REPORTED, meter, url="/v1/billing/meters/mtr_1", identifier="evt_1")

    def stock(self, house: House) -> JsonObject:
        body = sample("v2.core.event", id="evt_1")
        house.stripe.objects["/v2/core/events/evt_1"] = body
        return body

    async def test_is_kept_as_an_object_under_the_events_id(self, house: House) -> None:
        body = self.stock(house)
        [ended] = await house.deliver(self.report())
        assert (ended.outcome, house.stripe.paths) == (Outcome.STORED, ["/v2/core/events/evt_1"])
        item = house.item("evt_1")
        assert (item["type"], item["status"], item["data"]) == ("v2.core.event", REPORTED, body)
        related = body["related_object"]
        assert isinstance(related, dict)
        assert item["parent"] == related["id"]

    async def test_of_no_meter_at_all_is_kept_too(self, house: House) -> None:
        self.stock(house)
        report = json.loads(self.report()) | {"type": "v1.billing.meter.no_meter_found"}
        del report["related_object"]
        [ended] = await house.deliver(json.dumps(report))
        assert (ended.outcome, house.item("evt_1")["type"]) == (Outcome.STORED, "v2.core.event")

    async def test_that_is_not_shown_yet_is_waited_for(self, house: House) -> None:
        [ended] = await house.deliver(self.report())
        assert ended.outcome is Outcome.POSTPONED

    async def test_leaves_the_meter_alone(self, house: House) -> None:
        self.stock(house)
        await house.deliver(self.report())
        assert list(house.mirror.objects) == ["test#evt_1"]


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
    "a hostile id": _about("customer", "../charges", "/v1/customers/../charges"),
    "a hostile owner": _about("tax_id", "txi_1", "/v1/customers/%2e%2e/tax_ids/txi_1"),
    "a hostile part's owner": _about("discount", "di_1", "/v1/customers/../discount"),
    "a hostile singleton's owner": _about("cash_balance", "", "/v1/customers/a@b/cash_balance"),
    "a query of a singleton": _about(
        "entitlements.active_entitlement_summary",
        "",
        "/v1/entitlements/active_entitlements?customer=cus_1&expand[]=data.feature",
    ),
    "another type": _about("invoice", "in_1", "/v1/invoices/in_1", "v1.customer.updated"),
    "an unknown type": _about("money.thing", "th_1", "/v1/money/things/th_1", "v1.customer.updated"),
    "an unknown type elsewhere": _about("money.thing", "th_1", "/v1/money/../things/th_1"),
    "a hostile account": event("v1.customer.updated", customer(), url=CUSTOMER, context="acct_1/../acct_2"),
    "a snapshot without an id": snapshot("customer.updated", {"object": "customer", "id": None}),
    "a snapshot with a hostile id": snapshot("customer.updated", {"object": "customer", "id": "../charges"}),
    "a snapshot of another type": snapshot("customer.updated", {"object": "invoice", "id": "in_1"}),
    "a snapshot of nobody's balance": snapshot("cash_balance.funds_available", {"object": "cash_balance"}),
    "a snapshot of a hostile owner": snapshot("x.y", {"object": "discount", "id": "di_1", "customer": "a/../b"}),
    "an envelope of somebody else": json.dumps({"source": "aws.s3", "detail": json.loads(subscription_event())}),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_kept_with_its_reason_and_nothing_is_asked(house: House, name: str) -> None:
    [ended] = await house.deliver(BAD[name])
    assert (ended.outcome, house.stripe.asked) == (Outcome.QUARANTINED, [])
    [(body, reason)] = house.queue.quarantined
    assert (body, reason) == (BAD[name], ended.reason)
    assert reason
    assert not house.mirror.objects
    assert not house.mirror.counters


async def test_a_plan_a_product_and_a_coupon_of_the_same_id_never_meet(house: House) -> None:
    for name, home in (("plan", "plans"), ("product", "products"), ("coupon", "coupons")):
        body: JsonObject = {"id": "gold", "object": name, "livemode": False}
        house.stripe.objects[f"/v1/{home}/gold"] = body
        await house.deliver(event(f"v1.{name}.updated", body, url=f"/v1/{home}/gold"))
    assert {key: item["type"] for key, item in house.mirror.objects.items()} == {
        f"test#{name}/gold": name for name in ("plan", "product", "coupon")
    }


async def test_an_object_goes_by_its_present_name_whatever_the_event_calls_it(house: House) -> None:
    home = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
    house.stripe.objects[home] = rate()
    old = rate(object="v2.billing.rate_card.rate")
    [ended] = await house.deliver(event("v2.billing.rate_card.rate.created", old, url=home))
    assert ended.outcome is Outcome.STORED
    assert house.item("rcdr_1")["type"] == "v2.billing.rate_card_rate"
