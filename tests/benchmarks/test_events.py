"""The benchmark of live events at its smallest counts what it states. The speed of this machine is not tested."""

import pytest

from dev.benchmarks.events import benchmark, profile
from dev.benchmarks.events.figures import figures_of
from dev.benchmarks.events.model.ledger import size_of
from dev.benchmarks.events.model.queue import QueueModel
from dev.benchmarks.events.model.shipped import event_source
from dev.benchmarks.events.prices import by_call, per_million, per_month_idle
from dev.benchmarks.events.scenarios import Goals
from dev.benchmarks.events.steps import Steps
from dev.benchmarks.events.units import Table

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
    figures = benchmark.run(scale=0.03, names=[LONE_RATES, REFUSED], patience_with_naive=5.0).figures["scenarios"]
    rates, refused = (figures[name]["billing mirror"] for name in (LONE_RATES, REFUSED))
    for one in (rates, refused):
        assert one["finished"]
        assert one["unstored"] == one["quarantined"] == 0
    assert (rates["events"], rates["causes"]) == (2, {"event lookup": 2, "object": 2})
    assert refused["causes"] == {"refused": refused["events"], "object": refused["events"]}


def test_the_profile_names_what_a_lone_event_takes() -> None:
    figures = profile.run(events=4).figures
    for name, by in figures["milliseconds"].items():
        idle = [step for step, milliseconds in by.items() if milliseconds <= 0]
        assert idle == [], f"steps of {name} that no function is found for any more"
    calls = figures["cents_a_million"]["DynamoDB"]
    assert {"writes: objects", "writes: claims", "writes: the budget", "reads: objects", "reads: claims"} <= set(calls)


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
    function = {"cpu": 0.2, "wall": 0.0, "invocations": 2, "log_bytes": 0, "metric_bytes": 0}
    run = {"events": 2, "requests": 3, "floor": 2, "refused": 0.0, "p50": 0.1, "p99": 0.3, "seconds": 4.0, "ideal": 2.0}
    costs = {"ingest": function, "queue_sends": 0, "queue_receives": 0, "write_units": {}, "read_units": {}}
    ours = {**run, **costs, "process": function}
    naive = {**ours, "requests": 4, "p99": 0.2, "process": {**function, "cpu": 0.1}}
    by = {"billing mirror": ours, "naive": naive, "10 threads": naive}
    goals = Goals(per_floor=2.0, p99=0.2, per_ideal=1.5, refused=0.5, cpu=0.7, usd=5.0)
    found = {figure.what: figure for figure in figures_of(by, goals) if figure.goal is not None}
    assert {what: (one.measured, one.floor, one.goal) for what, one in found.items()} == {
        "requests": (3, 2, 4),
        "event to stored, p99, s": (0.3, None, 0.2),
        "all stored after, s": (2.0, 2.0, 1.5),
        "refused, % of requests": (0.0, None, 0.5),
        "process, CPU ms an event": (2.0, None, 0.7),
        "USD a million events": (pytest.approx(1.4), None, 5.0),
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
    function = {"invocations": 2, "wall": 0.0, "log_bytes": 0, "metric_bytes": 0}
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
    assert by_call(figures)["logs"] == pytest.approx(
        {"lines of ingest": 0, "lines of process": 0.15, "metrics of process": 0.1}
    )
    assert {name: round(usd, 4) for name, usd in per_million(figures).items()} == {
        "API Gateway": 1.0,
        "Lambda": 0.2,
        "SQS": 0.54,
        "DynamoDB": 1.75,
        "logs": 0.25,
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
