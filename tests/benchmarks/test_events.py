"""The benchmark of live events at its smallest counts what it states. The speed of this machine is not tested."""

import json
import threading
from datetime import UTC, datetime

import boto3
import pytest

from billing_mirror.adapters.table.attributes import to_attributes
from dev.benchmarks.events import benchmark, profile, settings, signed_client
from dev.benchmarks.events.figures import figures_of
from dev.benchmarks.events.measurement import lags
from dev.benchmarks.events.model.ledger import size_of
from dev.benchmarks.events.model.queue import QueueModel
from dev.benchmarks.events.model.shipped import default, event_source
from dev.benchmarks.events.model.stack import OURS, POLLER, SEQUENTIAL, running
from dev.benchmarks.events.prices import ACCESS_LINE, PLATFORM_LINES, by_call, per_million, per_month_idle
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, Goals, Prepared, Scenario
from dev.benchmarks.events.signed_client import SignedClient
from dev.benchmarks.events.steps import Steps
from dev.benchmarks.events.units import Table
from dev.sandbox.ministack import MiniStack
from tests.contract.tables import create_table
from tests.template_file import resource_properties

BURST, DUPLICATES, RATES = "burst, 20 events/s", "late duplicates", "rate card, 200 rates"
LONE_RATES, REFUSED = "lone new rates", "backlog, each refused once"


def test_variants_work_on_the_same_changes_until_nothing_is_on_its_way() -> None:
    figures = benchmark.run(scale=0.03, names=[BURST, DUPLICATES, RATES], patience_with_naive=180.0).figures
    assert set(figures["scenarios"]) == {BURST, DUPLICATES, RATES}
    for name, by in figures["scenarios"].items():
        assert set(by) == {"billing mirror", "naive", "10 threads"}
        for one in by.values():
            assert one["finished"], (name, one)
            assert one["errors"] == []
            assert one["requests"] == sum(one["causes"].values())
            assert one["unstored"] == one["quarantined"] == 0
    burst = figures["scenarios"][BURST]
    assert [one["causes"]["object"] for one in burst.values()] == [6, 6, 6], "each changed object once"
    assert burst["naive"]["process"]["calls"]["PutItem"] == burst["naive"]["events"] == 12
    assert figures["scenarios"][DUPLICATES]["billing mirror"]["requests"] == 0, "each event was seen before"
    assert {goal["scenario"] for goal in figures["goals"]} == {BURST, DUPLICATES, RATES}
    rates = figures["scenarios"][RATES]
    assert rates["naive"]["causes"] == {"object": 8, "event lookup": 7}, "placeholders make naive look up each event"
    assert rates["billing mirror"]["objects"] >= 8


def test_a_lone_rate_is_announced_alone_and_a_refused_backlog_is_tried_twice() -> None:
    live = benchmark.run(scale=0.03, names=[LONE_RATES], variants=[OURS, SEQUENTIAL], patience_with_naive=5.0).figures[
        "scenarios"
    ]
    waited = benchmark.run_backlogs(2, [REFUSED], variants=[OURS, SEQUENTIAL], patience_with_naive=5.0).figures[
        "scenarios"
    ]
    rates, refused = live[LONE_RATES]["billing mirror"], waited[REFUSED]["billing mirror"]
    for one in (rates, refused):
        assert one["finished"]
        assert one["unstored"] == one["quarantined"] == 0
    assert (rates["events"], rates["causes"]) == (2, {"event lookup": 2, "object": 2})
    assert refused["causes"] == {"refused": refused["events"], "object": refused["events"]}


def test_a_stack_that_has_ended_leaves_the_processor_to_others(local_aws: MiniStack) -> None:
    def pollers() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == POLLER]

    with running(OURS, local_aws.endpoint, ANSWER_SECONDS):
        assert len(pollers()) == event_source().concurrency
    assert pollers() == []


def test_the_figures_of_rounds_are_medians_by_scenario() -> None:
    lone, duplicates = (Scenario(name, lambda _: Prepared(iter(()), 0, 0), Goals()) for name in ("lone", "late"))
    runs = [{"naive": {"p99": seconds, "finished": True}} for seconds in (1.0, 10.0, 3.0, 30.0, 2.0, 20.0)]
    runs[3]["naive"]["finished"] = False
    found = benchmark.medians_by_name([lone, duplicates], runs)
    assert found == {
        "lone": {"naive": {"p99": 2.0, "finished": True}},
        "late": {"naive": {"p99": 20.0, "finished": False}},
    }


def test_an_event_of_a_backlog_counts_from_the_start_of_the_functions() -> None:
    created = datetime(2026, 11, 30, tzinfo=UTC)
    event = {"created": created.isoformat(), "related_object": {"id": "cus_1"}}
    at = created.timestamp()
    written = [(at - 1.0, "test#cus_1", "object"), (at + 9.0, "test#cus_1", "object")]
    assert lags([event], written, at - 5.0, until=None) == ([9.0], at + 9.0)
    assert lags([event], written, at + 5.0, until=None) == ([4.0], at + 9.0)


def test_parameters_of_the_template_decide_how_messages_are_taken() -> None:
    shipped, other = event_source(), event_source({"BatchSize": "50", "BatchingWindowSeconds": "2"})
    assert (shipped.batch_size, shipped.window) == (int(default("BatchSize")), float(default("BatchingWindowSeconds")))
    assert (other.batch_size, other.window, other.concurrency) == (50, 2.0, shipped.concurrency)


def test_the_line_of_the_access_log_has_the_fields_of_the_template() -> None:
    shipped = resource_properties("ApiStage")["AccessLogSettings"]["Format"]
    assert list(json.loads(ACCESS_LINE)) == list(json.loads(shipped))


def test_each_batch_is_deleted_by_a_request_and_each_postponement_is_one() -> None:
    function = {"wall": 0.0, "log_bytes": 0, "metric_bytes": 0, "calls": {}}
    process = {**function, "invocations": 400, "calls": {"ChangeMessageVisibility": 100}}
    units: dict[str, dict[str, int]] = {"write_units": {}, "read_units": {}}
    run = {"events": 1000, "ingest": {**function, "invocations": 1000}, "process": process, **units}
    calls = by_call(run | {"queue_sends": 1000, "queue_receives": 400})
    assert calls["SQS"]["deletes"] == pytest.approx(0.4 * 0.4), "one for each batch"
    assert calls["SQS"]["postponements"] == pytest.approx(0.1 * 0.4)


def test_the_profile_names_what_a_lone_event_takes() -> None:
    figures = profile.run(events=4).figures
    for name, by in figures["milliseconds"].items():
        idle = [step for step, milliseconds in by.items() if milliseconds <= 0]
        assert idle == [], f"steps of {name} that no function is found for any more"
    calls = figures["cents_a_million"]["DynamoDB"]
    assert {"writes: objects", "writes: claims", "writes: the budget", "reads: objects", "reads: claims"} <= set(calls)


def test_settings_are_compared_on_the_same_changes() -> None:
    changes = [{}, {settings.COALESCING: 0, settings.SIZE: 1}]
    shipped, other = settings.run(scale=0.02, changes=changes).figures["settings"]
    assert (shipped["parameters"], other["parameters"]) == (settings.SHIPPED, {**settings.SHIPPED, **changes[1]})
    for one in (shipped, other):
        assert set(one["scenarios"]) == set(settings.SCENARIOS)
        assert all(by["finished"] and not by["unstored"] for by in one["scenarios"].values())
    burst = "burst, 20 events/s"
    assert shipped["scenarios"][burst]["requests"] < other["scenarios"][burst]["requests"], "the setting has an effect"


def test_a_signed_client_does_what_boto3_does(local_aws: MiniStack) -> None:
    """Or what it saves would be measured on calls that fail."""
    boto, signed = boto3.client("dynamodb", endpoint_url=local_aws.endpoint), SignedClient(local_aws.endpoint)
    item = to_attributes({**signed_client.KEY, "token": 7})
    signed.call("PutItem", {"TableName": (name := create_table(boto)), "Item": item})
    key = to_attributes(signed_client.KEY)
    assert boto.get_item(TableName=name, Key=key)["Item"] == item
    assert signed.call("GetItem", {"TableName": name, "Key": key}) == {"Item": item}
    with pytest.raises(AssertionError, match="DynamoDB answers GetItem with 400"):
        signed.call("GetItem", {"TableName": "none", "Key": key})
    assert set(signed_client.saved(local_aws.endpoint, calls=2, repetitions=1)) == {
        "PutItem",
        "BatchGetItem",
        "UpdateItem",
    }


def test_what_a_step_calls_counts_for_the_inner_step() -> None:
    seconds = 0.0

    def work(amount: float) -> None:
        nonlocal seconds
        seconds += amount

    def nested() -> None:
        work(1.0)
        inner(5.0)
        inner(7.0)
        work(2.0)

    steps = Steps(lambda: seconds)
    inner = steps.timed(work, lambda _: "inner")
    steps.timed(nested, lambda: "outer")()
    assert steps.drain() == {"outer": 3.0, "inner": 12.0}
    assert steps.drain() == {}


def test_each_figure_with_a_goal_is_recorded_beside_its_floor() -> None:
    function = {"cpu": 0.2, "wall": 0.0, "invocations": 2, "log_bytes": 0, "metric_bytes": 0, "calls": {}}
    run = {"events": 2, "requests": 3, "floor": 2, "refused": 0.0, "p50": 0.1, "p99": 0.3, "seconds": 4.0, "ideal": 2.0}
    costs = {"ingest": function, "queue_sends": 0, "queue_receives": 0, "write_units": {}, "read_units": {}}
    ours = {**run, **costs, "process": function}
    naive = {**ours, "requests": 4, "p99": 0.2, "process": {**function, "cpu": 0.1}}
    by = {"billing mirror": ours, "naive": naive, "10 threads": naive}
    logs = 0.5e-3 * (len(ACCESS_LINE) + 2 * len(PLATFORM_LINES))
    goals = Goals(per_floor=2.0, p99=0.2, per_ideal=1.5, refused=0.5, cpu=0.7, usd=5.0)
    found = {figure.what: figure for figure in figures_of(by, goals) if figure.goal is not None}
    assert {what: (one.measured, one.floor, one.goal) for what, one in found.items()} == {
        "requests": (3, 2, 4),
        "event to stored, p99, s": (0.3, None, 0.2),
        "all stored after, s": (2.0, 2.0, 1.5),
        "refused, % of requests": (0.0, None, 0.5),
        "process, CPU ms an event": (2.0, None, 0.7),
        "USD a million events": (pytest.approx(1.0 + 0.4 + 0.4 + logs), None, 5.0),
    }
    assert found["requests"].record("lone events") == {
        "scenario": "lone events",
        "figure": "requests",
        "billing mirror": 3,
        "naive": 4,
        "10 threads": 4,
        "floor": 2,
        "ratio": 1.5,
        "goal": 4,
        "goal_of": "figure",
    }
    assert [one for one in figures_of(by, Goals()) if one.goal is not None] == []


def test_a_delayed_message_comes_when_nothing_else_is_on_its_way() -> None:
    queue = QueueModel(visibility=30.0)
    queue.send("later", delay=60.0)
    queue.send("now")
    [now] = queue.receive(10, until=0.0)
    assert now.body == "now"
    assert queue.receive(10, until=0.0) == []
    queue.delete(now.id)
    [later] = queue.receive(10, until=0.0)
    assert (later.body, later.receives) == ("later", 1)
    queue.postpone(later.id, 60.0)
    queue.release(later.id)
    assert queue.receive(10, until=0.0) == [], "what was postponed waits"
    queue.purge()
    assert queue.wait_until_empty(0.0)


def test_the_shipped_settings_are_the_template_s() -> None:
    source = event_source()
    assert source.visibility >= 6 * source.timeout + source.window
    assert source.batch_size > 0
    assert source.concurrency > 1


def test_bytes_are_counted_as_dynamodb_counts_them() -> None:
    assert size_of({"id": {"S": "ab"}, "on": {"BOOL": True}, "z": {"NULL": True}}) == 4 + 3 + 2
    assert size_of({"m": {"M": {"a": {"L": [{"S": "é"}]}}}}) == 1 + (3 + 1) + 1 + (3 + 1) + 2


def test_costs_are_list_prices_of_what_was_counted() -> None:
    function = {"invocations": 2, "wall": 0.0, "log_bytes": 0, "metric_bytes": 0, "calls": {}}
    figures = {
        "events": 2,
        "ingest": function,
        "process": {**function, "invocations": 0, "log_bytes": 1000, "metric_bytes": 400},
        "queue_sends": 2,
        "queue_receives": 0,
        "write_units": {"objects": 3, "claims": 1},
        "read_units": {"objects": 8},
    }
    assert by_call(figures)["DynamoDB"] == pytest.approx(
        {"writes: objects": 0.9375, "writes: claims": 0.3125, "reads: objects": 0.5}
    )
    access, own = (0.5e-3 * len(lines) for lines in (ACCESS_LINE, PLATFORM_LINES))
    assert by_call(figures)["logs"] == pytest.approx(
        {
            "lines of ingest": 0,
            "lines of process": 0.15,
            "metrics of process": 0.1,
            "access log of the API": access,
            "Lambda's own lines": own,
        }
    )
    assert {name: round(usd, 4) for name, usd in per_million(figures).items()} == {
        "API Gateway": 1.0,
        "Lambda": 0.2,
        "SQS": 0.54,
        "DynamoDB": 1.75,
        "logs": round(0.25 + access + own, 4),
    }
    tick = {"metric_months": 2.5, "wall": 0.0, "read_units": 0, "write_units": 0, "log_bytes": 0}
    idle = per_month_idle(tick, alarm_metrics=10, composites=1, secrets=2, pollers=5, ticks=0)
    assert {name: round(usd, 2) for name, usd in idle.items()} == {
        "custom metrics": 0.75,
        "alarms": 1.5,
        "secrets": 0.8,
        "polling the queue": 0.26,
        "ticks of reconcile": 0.0,
    }


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, {"scope": "test", "status": "draft"}, 1),
        ({"scope": "test", "status": "draft"}, {"scope": "test", "status": "draft"}, 0),
        ({"scope": "test", "status": "draft"}, {"scope": "test", "status": "paid"}, 2),
        ({"scope": "test", "status": "paid"}, {"scope": "test"}, 1),
    ],
    ids=["made", "unchanged", "moved", "deleted"],
)
def test_each_entry_of_an_index_that_is_made_or_deleted_costs_a_unit(
    before: dict[str, str], after: dict[str, str], units: int
) -> None:
    known = Table({"by-status": ("scope", "status")}, columns={("test#in_1", "object"): before})
    written = known.written([(0.0, "test#in_1", "object", 1025, after)])
    assert written == {"objects": 2, **({"indexes": units} if units else {})}
    assert known.written([(1.0, "test#in_1", "claim", 10, None)]) == {"claims": 1}
