"""What a tick of the schedule, or somebody's wish, makes of reconcile."""

import json
import time
from typing import Any

import boto3
import pytest

from billing_mirror.core.catalog import RECONCILED, USAGE
from billing_mirror.core.errors import BadSetting
from sandbox.stripe_stand_in.client import StandIn

from .conftest import Cloud, Context, Load

SWEEP = USAGE.name


def passed(load: Load, event: dict[str, Any] | None = None, *, seconds: float = 120) -> dict[str, Any]:
    answer: dict[str, Any] = load("reconcile").lambda_handler(event or {}, Context(seconds=seconds))
    return answer


def kept(type_name: str) -> list[dict[str, Any]]:
    """The objects of a type that the table's indexes show."""
    items = boto3.resource("dynamodb").Table("a-table").scan()["Items"]
    return [item for item in items if item.get("type") == type_name and "created" in item]


def test_a_tick_passes_over_every_type_that_is_due(load: Load, at_stripe: StandIn) -> None:
    at_stripe.create("product", {"name": "Atlas"}, silent=True)
    counts = passed(load)
    assert list(counts) == [row.name for row in RECONCILED]
    assert {name: count["complete"] for name, count in counts.items()} == dict.fromkeys(counts, True)
    assert (counts["product"]["found"], counts["product"]["repaired"]) == (1, 1)
    assert len(kept("product")) == 1


@pytest.mark.usefixtures("at_stripe")
def test_a_tick_right_after_has_nothing_to_do(load: Load) -> None:
    passed(load)
    assert passed(load) == {}


@pytest.mark.usefixtures("at_stripe")
def test_types_that_are_named_are_passed_over_in_that_order_whether_they_are_due_or_not(load: Load) -> None:
    wish = {"types": ["v2.billing.rate_card", "customer"]}
    assert list(passed(load, wish)) == list(passed(load, wish)) == wish["types"]


@pytest.mark.usefixtures("at_stripe")
def test_no_types_are_all_that_are_due(load: Load) -> None:
    assert list(passed(load, {"types": []})) == [row.name for row in RECONCILED]


@pytest.mark.parametrize("name", ["v2.billing.ratecard", "v2.core.event", "discount", "", "charge"])
def test_an_unknown_type_is_named_in_a_sentence_and_nothing_is_started(
    load: Load, at_stripe: StandIn, name: str
) -> None:
    with pytest.raises(BadSetting, match=rf"^{name} is no type that reconcile knows; nothing was started$"):
        passed(load, {"types": ["customer", name]})
    assert at_stripe.requests()["total"] == 0


@pytest.mark.usefixtures("at_stripe")
def test_nothing_is_begun_for_which_there_is_no_time(load: Load) -> None:
    assert passed(load, {"types": ["customer"]}, seconds=30) == {}


def test_a_type_that_fails_does_not_keep_the_next_from_its_pass(load: Load, at_stripe: StandIn) -> None:
    at_stripe.faults(api=[{"status": 400, "count": 1}])
    counts = passed(load, {"types": ["customer", "product"]})
    assert [count["complete"] for count in counts.values()] == [False, True]
    assert counts["customer"]["reason"].startswith("Stripe answered 400")


@pytest.fixture
def used(at_stripe: StandIn) -> tuple[str, str]:
    """A customer who has used a meter two hours ago, with a price by which that is billed."""
    meter = at_stripe.create("billing.meter", {"display_name": "Calls", "event_name": "calls"})["id"]
    product = at_stripe.create("product", {"name": "Atlas"})["id"]
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter}
    price = at_stripe.create("price", {"currency": "usd", "product": product, "unit_amount": 1, "recurring": recurring})
    customer = at_stripe.create("customer", {})["id"]
    at_stripe.create("subscription", {"customer": customer, "items": [{"price": price}]})
    at_stripe.usage(meter, customer, 7, timestamp=int(time.time()) - 7200)
    return meter, customer


class TestUsage:
    def test_is_swept_after_everything_else_where_it_is_switched_on(
        self, cloud: Cloud, load: Load, at_stripe: StandIn, used: tuple[str, str]
    ) -> None:
        cloud.environment["USAGE_SWEEP"] = "on"
        passed(load, {"types": ["subscription"]})
        counts = passed(load)
        assert list(counts)[-1] == SWEEP
        assert (counts[SWEEP]["complete"], counts[SWEEP]["written"]) == (True, 1)
        [item] = kept(SWEEP)
        meter, customer = used
        assert (item["customer"], item["parent"]) == (customer, f"{meter}/{customer}")
        assert item["data"]["aggregated_value"] == 7
        assert at_stripe.requests()["total"]

    def test_is_not_swept_where_it_is_switched_off(self, load: Load, used: tuple[str, str]) -> None:
        assert used
        passed(load, {"types": ["subscription"]})
        assert SWEEP not in passed(load)
        assert kept(SWEEP) == []

    def test_is_swept_when_it_is_named_even_where_it_is_switched_off(self, load: Load, used: tuple[str, str]) -> None:
        assert used
        passed(load, {"types": ["subscription"]})
        assert passed(load, {"types": [SWEEP]})[SWEEP]["written"] == 1


def test_what_a_pass_found_is_logged_without_what_is_in_it(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    at_stripe.create("customer", {"name": "a canary"}, silent=True)
    passed(load, {"types": ["customer"]})
    said = capsys.readouterr().out
    [line] = [line for line in map(json.loads, said.splitlines()) if line.get("message") == "reconciled"]
    assert (line["type"], line["found"], line["repaired"]) == ("customer", 1, 1)
    assert "canary" not in said
