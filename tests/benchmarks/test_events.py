"""The benchmark of live events at its smallest counts what it states. The speed of this machine is not tested."""

from dev.benchmarks.events import benchmark
from dev.benchmarks.events.ledger import size_of
from dev.benchmarks.events.prices import per_million, per_month_idle
from dev.benchmarks.events.queue_model import QueueModel
from dev.benchmarks.events.shipped import event_source

BURST, DUPLICATES, RATES = "burst, 20 events/s", "late duplicates", "rate card, 200 rates"


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
    rates = figures["scenarios"][RATES]
    assert rates["naive"]["causes"] == {"object": 8, "event lookup": 7}, "placeholders make naive look up each event"
    assert rates["billing mirror"]["objects"] >= 8


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
    function = {"invocations": 2, "wall": 0.0, "log_bytes": 0}
    figures = {
        "events": 2,
        "ingest": function,
        "process": {**function, "invocations": 0, "log_bytes": 1000},
        "queue_sends": 2,
        "queue_receives": 0,
        "write_units": 4,
        "read_units": 8,
    }
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
