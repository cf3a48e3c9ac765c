"""Where Stripe refuses to show a field, the object is stored without it, and marked."""

from dataclasses import replace

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.errors import FieldsRefused, RequestRefused
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.run import Job
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.around_stripe.optional_fields import OptionalFields
from billing_mirror.refresh.around_stripe.refused_fields import ASKED_AGAIN_AFTER
from tests.doubles.samples import event, sample
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import Harness

PRICE = TYPES["price"]
FIELDS = PRICE.include
HOUR = 3600.0
REFUSED = FieldsRefused("Stripe answered 400", frozenset({"tiers"}))


def path(identifier: str = "price_1") -> str:
    return f"/v1/prices/{identifier}"


def price(identifier: str = "price_1", **fields: json_body.Json) -> JsonObject:
    return sample("price", id=identifier, livemode=False, tiers=[{"up_to": None}], **fields)


def changed(harness: Harness, identifier: str = "price_1") -> str:
    body = harness.stripe.objects[path(identifier)]
    return event("v1.price.updated", body, url=path(identifier), at=harness.clock.now())


def stock(harness: Harness, *bodies: JsonObject) -> None:
    """Stripe's side: prices, also on the lists of those that are in use."""
    harness.stripe.unasked_fields |= {"tiers"}
    harness.stripe.objects |= {path(str(body["id"])): body for body in bodies}
    for fields in (FIELDS, tuple(name for name in FIELDS if name != "tiers")):
        numbered = [f"expand%5B{number}%5D=data.{name}" for number, name in enumerate(FIELDS) if name in fields]
        harness.stripe.lists[f"/v1/prices?{'&'.join(numbered)}"] = [*bodies]
        harness.stripe.lists[f"/v1/prices?{'&'.join(numbered)}&active=false"] = []


@pytest.fixture
def refusing(harness: Harness) -> Harness:
    stock(harness, price())
    harness.stripe.refused_fields.add("tiers")
    return harness


async def test_the_object_is_stored_without_the_field_and_marked(refusing: Harness) -> None:
    [ended] = await refusing.deliver(changed(refusing))
    assert ended.outcome is Outcome.STORED
    item = refusing.item("price/price_1")
    assert isinstance(item["data"], dict)
    assert "tiers" not in item["data"]
    assert item["missing_fields"] == ["tiers"]
    assert item["digest"] == json_body.digest(item["data"]), "of what was shown"
    assert refusing.missing == [("price", "tiers")]


async def test_only_the_refused_field_is_left_out(refusing: Harness) -> None:
    await refusing.deliver(changed(refusing))
    assert [set(one.include) for one in refusing.stripe.requests] == [{*FIELDS}, {*FIELDS} - {"tiers"}]


async def test_a_second_refusal_leaves_all_out(refusing: Harness) -> None:
    answers = refusing.stripe
    answers.refused_fields.clear()
    answers.failures = [FieldsRefused("Stripe answered 400", frozenset({name})) for name in FIELDS[:2]]
    await refusing.deliver(changed(refusing))
    assert [len(one.include) for one in answers.requests] == [len(FIELDS), len(FIELDS) - 1, 0]
    assert refusing.item("price/price_1")["missing_fields"] == sorted(FIELDS)


async def test_a_refusal_that_other_fields_do_not_explain_is_not_remembered(refusing: Harness) -> None:
    refusing.stripe.refused_fields.clear()
    refused = FieldsRefused("Stripe answered 400", frozenset({"tiers"}))
    refusing.stripe.failures = [refused, RequestRefused("Stripe answered 400 for another reason")]
    [ended] = await refusing.deliver(changed(refusing))
    assert (ended.outcome, ended.reason) == (Outcome.QUARANTINED, "Stripe answered 400 for another reason")
    await refusing.deliver(changed(refusing))
    assert "missing_fields" not in refusing.item("price/price_1")
    assert refusing.missing == []


async def test_a_refusal_about_one_object_says_nothing_of_the_others(harness: Harness) -> None:
    stock(harness, *(price(f"price_{number}") for number in range(5)))
    harness.stripe.failures = [REFUSED]
    for number in (0, 1, 2):
        await harness.deliver(changed(harness, f"price_{number}"))
    harness.stripe.failures = [REFUSED]
    for number in (3, 4):  # not in a row: those between were shown with the field
        await harness.deliver(changed(harness, f"price_{number}"))
    assert [number for number in range(5) if "missing_fields" in harness.item(f"price/price_{number}")] == [0, 3]
    assert len(harness.stripe.requests) == 7, "one for each, and two that were refused"


async def test_one_object_that_stripe_refuses_again_and_again_is_still_one(harness: Harness) -> None:
    stock(harness, price("price_0"), price("price_1"))
    for _ in range(3):
        harness.stripe.failures = [REFUSED]
        await harness.deliver(changed(harness, "price_0"))
        harness.clock.advance(60)
    assert len(harness.stripe.requests) == 6, "two for each fetch of it"
    await harness.deliver(changed(harness, "price_1"))
    assert "missing_fields" not in harness.item("price/price_1")


async def test_two_objects_of_different_hours_say_nothing_of_the_others(harness: Harness) -> None:
    stock(harness, *(price(f"price_{number}") for number in range(3)))
    for number in (0, 1):
        harness.stripe.failures = [REFUSED]
        await harness.deliver(changed(harness, f"price_{number}"))
        harness.clock.advance(ASKED_AGAIN_AFTER)
    await harness.deliver(changed(harness, "price_2"))
    assert "missing_fields" not in harness.item("price/price_2")


async def test_another_event_and_the_same_event_fetch_what_lacks_a_field(harness: Harness) -> None:
    stock(harness, price())
    harness.stripe.failures = [REFUSED]
    body = changed(harness)
    await harness.deliver(body)
    assert harness.item("price/price_1")["missing_fields"] == ["tiers"]
    [again] = await harness.deliver(body)
    assert again.outcome is Outcome.STORED
    assert "missing_fields" not in harness.item("price/price_1")
    [third] = await harness.deliver(body)
    assert third.outcome is Outcome.ALREADY_FRESH, "without the mark"


class TestARefusalIsRememberedFor:
    """What two refused objects in a row say is true of their type, their account and their field alone."""

    OBJECTS = ("/v1/prices/price_1", "/v1/prices/price_2")
    FIELDS = ("tiers", "currency_options")

    async def refused(self, harness: Harness, request: StripeRequest) -> list[tuple[str, ...]]:
        """What a container requests of a third object after two refusals."""
        stripe = MemoryStripe(refused_fields={"tiers"}, objects={path: price() for path in (*self.OBJECTS, "/third")})
        fields = OptionalFields(stripe, harness.clock, lambda *_: None)
        for path in self.OBJECTS:
            await fields.get(of_price(path))
        stripe.requests.clear()
        await fields.get(replace(request, path="/third"))
        return [one.include for one in stripe.requests]

    async def test_the_type_the_account_and_the_field(self, harness: Harness) -> None:
        assert await self.refused(harness, of_price()) == [("currency_options",)]

    async def test_no_other_account(self, harness: Harness) -> None:
        requested = await self.refused(harness, replace(of_price(), context="acct_1"))
        assert requested == [self.FIELDS, ("currency_options",)]

    async def test_no_other_type(self, harness: Harness) -> None:
        requested = await self.refused(harness, replace(of_price(), kind="plan"))
        assert requested == [self.FIELDS, ("currency_options",)]

    async def test_no_other_field(self, harness: Harness) -> None:
        other = replace(of_price(), include=("currency_options", "product"))
        assert await self.refused(harness, other) == [("currency_options", "product")]


def of_price(path: str = "") -> StripeRequest:
    fields = TestARefusalIsRememberedFor.FIELDS
    return StripeRequest(path, ApiChannel.GA, None, fields, kind="price", of_one=True)


async def test_a_container_asks_for_the_refused_field_twice_an_hour(harness: Harness) -> None:
    stock(harness, *(price(f"price_{number}") for number in range(5)))
    harness.stripe.refused_fields.add("tiers")
    for number in range(5):
        await harness.deliver(changed(harness, f"price_{number}"))
    assert len(harness.stripe.requests) == 7, "one for each, and two that were refused"
    assert len(harness.missing) == 5, "the alarm rings for each"
    harness.clock.advance(ASKED_AGAIN_AFTER)
    for number in range(5):
        await harness.deliver(changed(harness, f"price_{number}"))
    assert len(harness.stripe.requests) == 14


async def test_the_mark_goes_with_the_first_fetch_that_shows_the_field(refusing: Harness) -> None:
    await refusing.deliver(changed(refusing))
    refusing.stripe.refused_fields.clear()
    refusing.clock.advance(ASKED_AGAIN_AFTER)
    await refusing.deliver(changed(refusing))
    assert "missing_fields" not in refusing.item("price/price_1")
    assert refusing.item("price/price_1")["data"] == refusing.stripe.objects[path()]


async def test_a_list_inside_the_object_is_read_without_the_field_too(harness: Harness) -> None:
    lines: list[json_body.Json] = [{"id": f"il_{number}"} for number in range(11)]
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False)
    body["lines"] = {"object": "list", "data": lines[:10], "has_more": True}
    harness.stripe.objects["/v1/invoices/in_1"] = body
    harness.stripe.lists["/v1/invoices/in_1/lines"] = lines  # type: ignore[assignment]
    harness.stripe.refused_fields |= {"discounts", "lines.data.discounts"}
    [ended] = await harness.deliver(event("v1.invoice.updated", body, url="/v1/invoices/in_1"))
    assert ended.outcome is Outcome.STORED
    assert harness.item("in_1")["missing_fields"] == ["discounts", "lines.data.discounts"]
    assert set(harness.missing) >= {("invoice", "discounts"), ("invoice.lines", "discounts")}


async def test_a_field_that_only_the_inner_list_lacks_is_named_with_the_path_of_the_list(harness: Harness) -> None:
    body = sample("invoice", id="in_1", customer="cus_1", livemode=False)
    body["lines"] = {"object": "list", "data": [{"id": "il_0"}], "has_more": True}
    harness.stripe.objects["/v1/invoices/in_1"] = body
    harness.stripe.lists["/v1/invoices/in_1/lines"] = [{"id": f"il_{number}"} for number in range(11)]

    async def refuse(path: str) -> None:
        if path.startswith("/v1/invoices/in_1/lines?") and "expand" in path:
            raise FieldsRefused("Stripe answered 400", frozenset({"data.discounts"}))

    harness.stripe.lists["/v1/invoices/in_1/lines?expand%5B0%5D=data.discounts"] = []
    harness.stripe.before_answer = refuse
    [ended] = await harness.deliver(event("v1.invoice.updated", body, url="/v1/invoices/in_1"))
    assert ended.outcome is Outcome.STORED
    assert harness.item("in_1")["missing_fields"] == ["lines.data.discounts"]
    assert harness.missing == [("invoice.lines", "discounts")]


class TestVerify:
    async def test_is_content_while_the_list_refuses_the_field_too(self, refusing: Harness) -> None:
        await refusing.deliver(changed(refusing))
        refusing.stripe.requests.clear()
        run = await refusing.run_now(PRICE)
        assert (run.complete, run.counts.found, run.counts.refreshed, run.counts.equal) == (True, 0, 0, 1)
        assert path() not in refusing.stripe.paths

    async def test_finds_a_difference_all_the_same(self, refusing: Harness) -> None:
        await refusing.deliver(changed(refusing))
        refusing.clock.advance(HOUR)
        stock(refusing, price(nickname="new"))
        run = await refusing.run_now(PRICE)
        assert (run.counts.found, run.counts.repaired) == (1, 1)
        assert refusing.item("price/price_1")["missing_fields"] == ["tiers"]

    async def test_fetches_what_lacks_the_field_when_it_is_shown_again_and_finds_no_drift(
        self, refusing: Harness
    ) -> None:
        await refusing.deliver(changed(refusing))
        refusing.stripe.refused_fields.clear()
        refusing.clock.advance(ASKED_AGAIN_AFTER)
        run = await refusing.run_now(PRICE)
        assert (run.counts.found, run.counts.false_alarms, run.counts.refreshed) == (0, 0, 1)
        assert "missing_fields" not in refusing.item("price/price_1")
        assert (await refusing.run_now(PRICE)).counts.refreshed == 0

    async def test_takes_the_field_from_objects_when_it_is_refused_and_finds_no_drift(self, harness: Harness) -> None:
        stock(harness, price())
        await harness.deliver(changed(harness))
        assert "missing_fields" not in harness.item("price/price_1")
        harness.stripe.refused_fields.add("tiers")
        run = await harness.run_now(PRICE)
        assert (run.counts.found, run.counts.false_alarms, run.counts.refreshed) == (0, 0, 1)
        assert harness.item("price/price_1")["missing_fields"] == ["tiers"]
        assert (await harness.run_now(PRICE)).counts.refreshed == 0, "then it is content"

    async def test_a_backfill_marks_what_it_inserts(self, refusing: Harness) -> None:
        run = await refusing.run_now(PRICE, job=Job.BACKFILL)
        assert run.counts.inserted == 1
        assert refusing.item("price/price_1")["missing_fields"] == ["tiers"]


async def test_a_later_page_lacks_what_its_url_no_longer_names(harness: Harness) -> None:
    """Stripe's URL of v2's next page has the fields of the request for this page."""
    cadences = [sample("v2.billing.cadence", id=f"bc_{number}", livemode=False) for number in range(3)]
    harness.stripe.page_size = 2
    harness.stripe.refused_fields.add("settings_data")
    harness.stripe.unasked_fields.add("settings_data")
    query = "include%5B0%5D=invoice_discount_rules"
    harness.stripe.lists[f"/v2/billing/cadences?{query}"] = cadences
    harness.stripe.objects |= {f"/v2/billing/cadences/{body['id']}": body for body in cadences}
    for body in cadences:
        await harness.deliver(event("v2.billing.cadence.updated", body, url=f"/v2/billing/cadences/{body['id']}"))
    harness.clock.advance(60)
    run = await harness.run_now(TYPES["v2.billing.cadence"])
    assert (run.complete, run.counts.pages, run.counts.equal, run.counts.refreshed) == (True, 2, 3, 0)
