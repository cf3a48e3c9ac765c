"""A message of the queue ends as the object that Stripe shows now, under a key that no other object has."""

import json

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import cadence, event, sample, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

REPORTED = "v1.billing.meter.error_report_triggered"


async def test_an_event_ends_as_what_stripe_shows_now(stocked: Harness) -> None:
    [result] = await stocked.deliver(subscription_event())
    assert result.outcome is Outcome.STORED
    assert stocked.item("rcds_1")["data"] == subscription()
    assert stocked.queue.waiting == []


async def test_an_unchanged_object_still_takes_the_newer_token(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    stocked.clock.advance(100)
    [result] = await stocked.deliver(subscription_event())
    assert (result.outcome, stocked.item("rcds_1")["token"]) == (Outcome.UNCHANGED, 2)


async def test_a_slow_old_read_never_replaces_a_newer_one(stocked: Harness) -> None:
    """The claim precedes the fetch: here one worker reads the body, then all others write first."""

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
    [result] = await stocked.work()
    assert result.outcome is Outcome.SUPERSEDED
    assert stocked.item("rcds_1")["status"] == "canceled"


async def test_fields_that_stripe_sends_on_request_only_are_requested(stocked: Harness) -> None:
    await stocked.deliver(event("v2.billing.cadence.created", cadence(), url=CADENCE))
    assert stocked.stripe.requests[0].include == ("invoice_discount_rules", "settings_data")


async def test_accounts_of_v1_and_v2_have_one_id_and_two_items(harness: Harness) -> None:
    urls = {"account": "/v1/accounts/acct_1", "v2.core.account": "/v2/core/accounts/acct_1"}
    events = []
    for name, url in urls.items():
        body: JsonObject = {"id": "acct_1", "object": name, "livemode": False, "created": 1}
        harness.stripe.objects[url] = body
        prefix = "" if name.startswith("v2") else "v1."
        events.append(event(f"{prefix}{name}.updated", body, url=url))
    results = await harness.deliver(*events)
    assert [result.outcome for result in results] == [Outcome.STORED, Outcome.STORED]
    assert {name: harness.item(f"{name}/acct_1")["data"] for name in urls} == {
        name: harness.stripe.objects[url] for name, url in urls.items()
    }


async def test_a_type_outside_the_catalog_is_mirrored_all_the_same(harness: Harness) -> None:
    thing: JsonObject = {"id": "th_1", "object": "money.thing", "created": 1700000000, "livemode": False}
    harness.stripe.objects["/v1/money/things/th_1"] = thing
    [result] = await harness.deliver(event("v1.money.thing.created", thing, url="/v1/money/things/th_1"))
    assert result.outcome is Outcome.STORED
    assert harness.item("money.thing/th_1")["created"] == "2023-11-14T22:13:20.000Z"
    assert harness.stripe.requests[0].api == "ga"


@pytest.mark.parametrize("type_name", ["v2.core.event_destination.ping", "v2.money.thing.happened"])
async def test_an_event_about_nothing_that_can_be_mirrored_is_done(harness: Harness, type_name: str) -> None:
    text = json.loads(subscription_event()) | {"type": type_name}
    if "ping" not in type_name:
        del text["related_object"]
    [result] = await harness.deliver(json.dumps(text))
    assert result.outcome is Outcome.IGNORED
    assert harness.stripe.requests == []


async def test_two_accounts_with_the_same_id_never_meet(stocked: Harness) -> None:
    await stocked.deliver(subscription_event())
    await stocked.deliver(subscription_event(context="acct_1/acct_2"))
    assert set(stocked.mirror.objects) >= {"test#rcds_1", "test/acct_1/acct_2#rcds_1"}
    assert {request.context for request in stocked.stripe.requests} == {None, "acct_1/acct_2"}


async def test_a_plan_a_product_and_a_coupon_of_the_same_id_never_meet(harness: Harness) -> None:
    for name, home in (("plan", "plans"), ("product", "products"), ("coupon", "coupons")):
        body: JsonObject = {"id": "gold", "object": name, "livemode": False}
        harness.stripe.objects[f"/v1/{home}/gold"] = body
        await harness.deliver(event(f"v1.{name}.updated", body, url=f"/v1/{home}/gold"))
    assert {key: item["type"] for key, item in harness.mirror.objects.items()} == {
        f"test#{name}/gold": name for name in ("plan", "product", "coupon")
    }


async def test_two_types_with_one_id_are_two_fetches(harness: Harness) -> None:
    """One key, in a batch: the fetch of one type answers no message about the other."""
    for home, name in (("things", "money.thing"), ("parts", "money.part")):
        harness.stripe.objects[f"/v1/money/{home}/x_1"] = {"id": "x_1", "object": name, "livemode": False}
    things: JsonObject = {"id": "x_1", "object": "money.thing", "livemode": False}
    parts: JsonObject = {"id": "x_1", "object": "money.part", "livemode": False}
    await harness.deliver(
        event("v1.money.thing.created", things, url="/v1/money/things/x_1"),
        event("v1.money.part.created", parts, url="/v1/money/parts/x_1"),
    )
    assert set(harness.stripe.paths) == {"/v1/money/things/x_1", "/v1/money/parts/x_1"}


class TestAMetersErrorReport:
    """It is in no other object than its event."""

    def report(self) -> str:
        meter: JsonObject = {"id": "mtr_1", "object": "billing.meter", "livemode": False}
        return event(REPORTED, meter, url="/v1/billing/meters/mtr_1", identifier="evt_1")

    def stock(self, harness: Harness) -> JsonObject:
        body = sample("v2.core.event", id="evt_1")
        harness.stripe.objects["/v2/core/events/evt_1"] = body
        return body

    async def test_is_kept_as_an_object_under_the_events_id(self, harness: Harness) -> None:
        body = self.stock(harness)
        [result] = await harness.deliver(self.report())
        assert (result.outcome, harness.stripe.paths) == (Outcome.STORED, ["/v2/core/events/evt_1"])
        item = harness.item("evt_1")
        assert (item["type"], item["status"], item["data"]) == ("v2.core.event", REPORTED, body)
        related = body["related_object"]
        assert isinstance(related, dict)
        assert item["parent"] == related["id"]

    async def test_of_no_meter_at_all_is_kept_too(self, harness: Harness) -> None:
        self.stock(harness)
        report = json.loads(self.report()) | {"type": "v1.billing.meter.no_meter_found"}
        del report["related_object"]
        [result] = await harness.deliver(json.dumps(report))
        assert (result.outcome, harness.item("evt_1")["type"]) == (Outcome.STORED, "v2.core.event")

    async def test_that_is_not_visible_yet_is_retried(self, harness: Harness) -> None:
        [result] = await harness.deliver(self.report())
        assert result.outcome is Outcome.POSTPONED

    async def test_leaves_the_meter_alone(self, harness: Harness) -> None:
        self.stock(harness)
        await harness.deliver(self.report())
        assert list(harness.mirror.objects) == ["test#evt_1"]


async def test_two_types_of_one_id_in_a_batch_are_both_fetched(harness: Harness) -> None:
    """The answer to one does not show the other, although Stripe never gave two objects one id."""
    urls = {"invoice": "/v1/invoices/x_1", "tax_rate": "/v1/tax_rates/x_1"}
    harness.stripe.objects = {url: sample(name, id="x_1", livemode=False) for name, url in urls.items()}
    messages = [event(f"v1.{name}.updated", harness.stripe.objects[url], url=url) for name, url in urls.items()]
    await harness.deliver(*messages)
    assert set(urls.values()) <= {*harness.stripe.paths}
