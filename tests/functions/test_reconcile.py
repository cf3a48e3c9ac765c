"""The reconcile function on schedule ticks and on requests."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from billing_mirror.core.catalog import RECONCILED_TYPES, USAGE
from billing_mirror.core.stripe_api.budget import BUDGET_SORT_KEY
from dev.fake_stripe.client import StandIn

from .conftest import Cloud, Context, Load

SWEEP = USAGE.name
ItemChange = Callable[[dict[str, Any]], object]


def invoke(load: Load, event: dict[str, Any] | None = None, *, seconds: float = 120) -> dict[str, Any]:
    answer: dict[str, Any] = load("reconcile").lambda_handler(event or {}, Context(seconds=seconds))
    return answer


def runs(load: Load, event: dict[str, Any] | None = None, *, seconds: float = 120) -> dict[str, Any]:
    """The records of the runs that an invocation worked on."""
    worked: dict[str, Any] = invoke(load, event, seconds=seconds)["runs"]
    return worked


def kept(type_name: str) -> list[dict[str, Any]]:
    """The objects of a type that the table's indexes show."""
    items = boto3.resource("dynamodb").Table("a-table").scan()["Items"]
    return [item for item in items if item.get("type") == type_name and "created" in item]


def evidence(type_name: str) -> list[dict[str, Any]]:
    """The evidence of a type in the table."""
    items = boto3.resource("dynamodb").Table("a-table").scan()["Items"]
    return [item for item in items if item["pk"] == f"test#drift:{type_name}"]


def everything() -> list[dict[str, Any]]:
    """All of the table but the budget of requests, which every request to Stripe changes."""
    items = boto3.resource("dynamodb").Table("a-table").scan()["Items"]
    return sorted((item for item in items if item["sk"] != BUDGET_SORT_KEY), key=lambda item: (item["pk"], item["sk"]))


def test_a_tick_recovers_events_and_backfills_every_type(cloud: Cloud, load: Load, at_stripe: StandIn) -> None:
    at_stripe.create("product", {"name": "Atlas"}, without_event=True)
    counts = runs(load)
    assert list(counts) == ["recover", *(object_type.name for object_type in RECONCILED_TYPES)]
    assert {count["status"] for count in counts.values()} == {"complete"}
    assert (counts["product"]["job"], counts["product"]["inserted"]) == ("backfill", 1)
    assert len(kept("product")) == 1
    assert cloud.waiting(cloud.queue_url) == []


@pytest.mark.usefixtures("at_stripe")
def test_the_next_tick_has_nothing_to_do(load: Load) -> None:
    runs(load)
    assert runs(load) == {}


@pytest.mark.usefixtures("at_stripe")
def test_events_can_be_requested_alone(load: Load) -> None:
    answer = runs(load, {"job": "recover"})
    assert (list(answer), answer["recover"]["status"]) == (["recover"], "complete")


@pytest.mark.usefixtures("at_stripe")
def test_requested_types_are_verified_in_their_order_whether_they_are_due_or_not(load: Load) -> None:
    request = {"types": ["v2.billing.rate_card", "customer"]}
    assert list(runs(load, request)) == list(runs(load, request)) == request["types"]


def test_single_types_can_be_backfilled(load: Load, at_stripe: StandIn) -> None:
    at_stripe.create("product", {"name": "Atlas"}, without_event=True)
    at_stripe.create("customer", {}, without_event=True)
    counts = runs(load, {"job": "backfill", "types": ["product"]})
    assert (list(counts), counts["product"]["inserted"]) == (["product"], 1)
    assert (len(kept("product")), kept("customer")) == (1, [])


def test_a_difference_is_repaired_and_stored_as_evidence(load: Load, at_stripe: StandIn) -> None:
    made = at_stripe.create("product", {"name": "Atlas"}, without_event=True)["id"]
    counts = runs(load, {"types": ["product"]})
    assert (counts["product"]["found"], counts["product"]["repaired"]) == (1, 1)
    [drift] = evidence("product")
    assert (drift["id"], drift["difference"], drift["resolution"]) == (made, "missing", "repaired")
    assert drift["expires_at"] > time.time() + 399 * 86400


def test_a_dry_run_reports_differences_and_changes_nothing(cloud: Cloud, load: Load, at_stripe: StandIn) -> None:
    made = at_stripe.create("product", {"name": "Atlas"}, without_event=True)["id"]
    runs(load, {"types": ["customer"]})
    before = everything()
    counts = runs(load, {"types": ["product"], "dry_run": True})
    assert (counts["product"]["found"], counts["product"]["missing"]) == (1, 1)
    [difference] = counts["product"]["differences"]
    assert (difference["id"], difference["difference"]) == (made, "missing")
    assert everything() == before
    assert cloud.waiting(cloud.queue_url) == []


@pytest.mark.parametrize("name", ["v2.billing.ratecard", "v2.core.event", "discount", "", "charge"])
def test_an_unknown_type_is_named_in_a_sentence_and_nothing_is_started(
    load: Load, at_stripe: StandIn, name: str
) -> None:
    answer = invoke(load, {"types": ["customer", name]})
    assert answer == {"result": "refused", "reason": f"unknown type: {name}; nothing was started"}
    assert (at_stripe.requests()["total"], everything()) == (0, [])


def test_an_unknown_job_is_named_in_a_sentence_and_nothing_is_started(load: Load, at_stripe: StandIn) -> None:
    answer = invoke(load, {"job": "sweep"})
    assert answer == {
        "result": "refused",
        "reason": "unknown job: sweep; jobs are recover, verify, backfill, usage, refresh, forget; nothing was started",
    }
    assert (at_stripe.requests()["total"], everything()) == (0, [])


def test_a_request_during_another_invocation_is_started_by_a_tick(load: Load, at_stripe: StandIn) -> None:
    at_stripe.create("product", {"name": "Atlas"}, without_event=True)
    runs(load)
    lease = {"pk": "test#lease", "sk": "lease", "owner": "another", "until": "2999-01-01T00:00:00.000Z"}
    table = boto3.resource("dynamodb").Table("a-table")
    table.put_item(Item=lease)
    answer = invoke(load, {"types": ["product"]})
    assert answer == {
        "result": "busy",
        "reason": "another invocation is running; one of the next ticks starts the runs",
    }
    assert invoke(load) == answer
    table.delete_item(Key={"pk": lease["pk"], "sk": lease["sk"]})
    assert runs(load)["product"]["status"] == "complete"


def test_a_tick_without_time_starts_nothing(load: Load, at_stripe: StandIn) -> None:
    assert runs(load, seconds=60) == {}
    assert at_stripe.requests()["total"] == 0


def test_the_next_tick_resumes_a_run_that_was_out_of_time(load: Load, at_stripe: StandIn) -> None:
    at_stripe.create("customer", {}, without_event=True)
    assert runs(load, {"types": ["customer"]}, seconds=60)["customer"]["status"] == "running"
    assert runs(load)["customer"]["status"] == "complete"


def test_a_type_that_fails_does_not_stop_the_next(load: Load, at_stripe: StandIn) -> None:
    at_stripe.faults(api=[{"status": 400, "count": 1, "path_prefix": "/v1/customers"}])
    counts = runs(load, {"types": ["customer", "product"]})
    assert [count["status"] for count in counts.values()] == ["failed", "complete"]
    reason = counts["customer"]["reason"]
    assert reason.startswith("Stripe answered 400 (invalid_request_error) at /v1/customers (request ")


@pytest.mark.parametrize(
    "fault",
    [{"status": 404, "code": "not_found"}, {"status": 400, "type": "feature_not_enabled"}],
    ids=["the preview is off", "the feature is off"],
)
def test_a_type_that_the_account_lacks_is_unavailable(load: Load, at_stripe: StandIn, fault: dict[str, object]) -> None:
    at_stripe.faults(api=[{**fault, "path_prefix": "/v2/billing/"}])
    assert runs(load, {"types": ["v2.billing.rate_card"]})["v2.billing.rate_card"]["status"] == "unavailable"


def test_a_list_that_insists_on_an_unknown_filter_is_no_alarm(load: Load, at_stripe: StandIn) -> None:
    item = at_stripe.create("v2.billing.licensed_item", {"display_name": "x"})["id"]
    at_stripe.create("v2.billing.license_fee", {"display_name": "x", "licensed_item": item})
    types = ["v2.billing.licensed_item", "v2.billing.license_fee"]
    assert {one["status"] for one in runs(load, {"types": types}).values()} == {"complete"}
    at_stripe.faults(api=[{"status": 400, "path_regex": r"/v2/billing/license_fees\?"}])
    run = runs(load, {"types": types})["v2.billing.license_fee"]
    assert (run["status"], run["unresolved"], run["lists_unreadable"]) == ("complete", 0, 0)


def test_a_type_that_the_key_may_not_read_does_not_stop_the_next(load: Load, at_stripe: StandIn) -> None:
    at_stripe.faults(api=[{"status": 403, "count": 1, "path_prefix": "/v1/customers"}])
    counts = runs(load, {"types": ["customer", "product"]})
    assert [count["status"] for count in counts.values()] == ["unauthorized", "complete"]
    assert counts["customer"]["reason"]


def stored_product(at_stripe: StandIn, load: Load) -> str:
    """A product of both sides, mirrored by a backfill."""
    made: str = at_stripe.create("product", {"name": "Atlas"}, without_event=True)["id"]
    invoke(load, {"job": "backfill", "types": ["product"]})
    return made


@pytest.mark.parametrize(
    ("change", "fields", "percent", "deep"),
    [
        (lambda item: item["data"].update(name="Atlantis"), ["name", "column/digest"], 100, False),
        (lambda item: item.pop("created"), ["column/created"], 100, False),
        (lambda item: item.update(data_z=b"no zlib"), ["column/data"], 100, False),
        (lambda item: item.update(status="by hand"), ["column/status"], 0, True),
    ],
    ids=["body", "hidden from every index", "unreadable body", "status, on demand"],
)
def test_an_item_that_was_changed_by_hand_is_found_and_repaired(
    cloud: Cloud, load: Load, at_stripe: StandIn, change: ItemChange, fields: list[str], percent: int, *, deep: bool
) -> None:
    made = stored_product(at_stripe, load)
    change_item(made, change)
    cloud.environment["DEEP_VERIFY_PERCENT"] = str(percent)
    run = runs(load, {"types": ["product"], "deep": deep})["product"]
    assert (run["stored_read"], run["stored_wrong"], run["repaired"], run["equal"]) == (1, 1, 1, 0)
    [drift] = evidence("product")
    assert (drift["id"], drift["difference"], drift["fields"]) == (made, "stored_wrong", fields)
    [item] = kept("product")
    assert (item["data"]["name"], "data_z" in item, "status" in item) == ("Atlas", False, False)
    assert runs(load, {"types": ["product"], "deep": True})["product"]["equal"] == 1


def test_a_verify_that_reads_nothing_stored_takes_a_changed_item_for_equal(load: Load, at_stripe: StandIn) -> None:
    change_item(stored_product(at_stripe, load), lambda item: item.pop("created"))
    run = runs(load, {"types": ["product"]})["product"]
    assert (run["stored_read"], run["equal"], run["found"], kept("product")) == (0, 1, 0, [])


def change_item(identifier: str, change: ItemChange) -> None:
    """Changes an item beside the mirror, as a script would."""
    table = boto3.resource("dynamodb").Table("a-table")
    item = table.get_item(Key={"pk": f"test#product/{identifier}", "sk": "object"})["Item"]
    change(item)
    table.put_item(Item=item)


@pytest.fixture
def used(at_stripe: StandIn) -> tuple[str, str]:
    """A customer who used a meter two hours ago, and a price that bills the usage."""
    meter = at_stripe.create("billing.meter", {"display_name": "Calls", "event_name": "calls"})["id"]
    product = at_stripe.create("product", {"name": "Atlas"})["id"]
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter}
    price = at_stripe.create("price", {"currency": "usd", "product": product, "unit_amount": 1, "recurring": recurring})
    customer = at_stripe.create("customer", {})["id"]
    at_stripe.create("subscription", {"customer": customer, "items": [{"price": price}]})
    at_stripe.usage(meter, customer, 7, timestamp=int(time.time()) - 7200)
    return meter, customer


class TestUsage:
    def test_is_swept_where_the_sweep_is_on(
        self, cloud: Cloud, load: Load, at_stripe: StandIn, used: tuple[str, str]
    ) -> None:
        cloud.environment["USAGE_SWEEP"] = "on"
        runs(load, {"types": ["subscription"]})
        counts = runs(load)
        assert (counts[SWEEP]["status"], counts[SWEEP]["written"]) == ("complete", 1)
        [item] = kept(SWEEP)
        meter, customer = used
        assert (item["customer"], item["parent"]) == (customer, f"{meter}/{customer}")
        assert item["data"]["aggregated_value"] == 7
        assert at_stripe.requests()["total"]

    def test_is_not_swept_where_the_sweep_is_off(self, load: Load, used: tuple[str, str]) -> None:
        assert used
        runs(load, {"types": ["subscription"]})
        assert SWEEP not in runs(load)
        assert kept(SWEEP) == []

    def test_is_swept_on_request_where_the_sweep_is_off(self, load: Load, used: tuple[str, str]) -> None:
        assert used
        runs(load, {"types": ["subscription"]})
        assert runs(load, {"job": "usage"})[SWEEP]["written"] == 1


def test_findings_are_logged_without_bodies(load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    at_stripe.create("customer", {"name": "a canary"}, without_event=True)
    runs(load, {"types": ["customer"]})
    said = capsys.readouterr().out
    [line] = [line for line in map(json.loads, said.splitlines()) if line.get("message") == "reconciled"]
    assert (line["type"], line["found"], line["repaired"]) == ("customer", 1, 1)
    assert "canary" not in said
