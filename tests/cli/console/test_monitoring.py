"""The charts of health, from CloudWatch: the emulator's, and moto's."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from billing_mirror.core.catalog import Category
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric
from billing_mirror_cli.console.charts import Drawing
from billing_mirror_cli.console.monitoring import WANTED, WINDOWS, WindowChoice, draw_health, window_of
from billing_mirror_cli.health import metrics
from billing_mirror_cli.health.facts import read_facts
from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import Cloud
from tests.emitted_metrics import EMITTED
from tests.emulated_aws import emulated_aws

from .conftest import fill

QUARTER = WINDOWS[0]
Put = Callable[..., None]


@pytest.fixture
def put(cloud: Cloud) -> Put:
    """Stores a value that a function of the stack emits, a minute ago."""

    client: Any = boto3.client("cloudwatch", endpoint_url=cloud.endpoint)

    def put_one(service: str, name: str, *values: float, stack: str = "", **dimensions: str) -> None:
        named = {"service": service, "stack": stack or cloud.name, **dimensions}
        data = {
            "MetricName": str(name),
            "Timestamp": time.time() - 60,
            "Values": values,
            "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
        }
        client.put_metric_data(Namespace=metrics.NAMESPACE, MetricData=[data])

    return put_one


@pytest.fixture
def drawn(cloud: Cloud, session: Session) -> Callable[[], dict[str, Drawing]]:
    """Draws all charts of the last quarter of an hour, by their names."""
    fill(cloud)

    def draw() -> dict[str, Drawing]:
        found = draw_health(session, read_facts(session), window_of(QUARTER, session.now()))
        return {one.chart.name: one for one in found}

    return draw


Draw = Callable[[], dict[str, Drawing]]


def legend(drawing: Drawing) -> dict[str, str]:
    return {one.name: one.value for one in drawing.legend}


def test_the_lag_is_shown_in_seconds_with_its_threshold(put: Put, drawn: Draw) -> None:
    put("process", Metric.EVENT_TO_STORED_LAG, 400.0, 400.0, 9_000.0)
    put("process", Metric.QUEUE_DELAY, 2_000.0)
    lag = drawn()["lag"]
    shown = legend(lag)
    assert shown["half of all (p50)"] == "0.4 s"
    assert shown["longest in the queue"] == "2 s"
    assert lag.limit is not None
    assert lag.limit.text == "alarm MessagesPostponed at 5 min in the queue"


def test_messages_are_counted_by_outcome_and_other_stacks_are_not(put: Put, drawn: Draw) -> None:
    put("process", Outcome.STORED.metric, 5.0, 7.0)
    put("process", Outcome.STORED.metric, 100.0, stack="another")
    put("process", Outcome.SUPERSEDED.metric, 0.0)
    assert legend(drawn()["outcomes"]) == {"stored": "12"}


def test_drift_is_counted_by_its_resolution(put: Put, drawn: Draw) -> None:
    put("reconcile", Metric.DRIFT_REPAIRED, 2.0)
    charts = drawn()
    assert legend(charts["drift"]) == {"repaired": "2"}
    assert charts["events"].is_empty


def test_each_category_has_its_age_and_its_threshold(put: Put, drawn: Draw) -> None:
    for category, seconds in ((Category.ACTIVITY, 7_200.0), (Category.CATALOG, 86_400.0)):
        put("reconcile", Metric.RUN_AGE, seconds, category=category)
    charts = drawn()
    assert legend(charts["age-activity"]) == {"oldest type": "2 h"}
    assert legend(charts["age-catalog"]) == {"oldest type": "24 h"}
    assert charts["age-configuration"].is_empty
    limits = {name: one.limit.text for name, one in charts.items() if one.limit and name.startswith("age-")}
    assert limits == {
        "age-activity": "alarm VerifyLate at 2 d",
        "age-configuration": "alarm VerifyLate at 8 d",
        "age-catalog": "alarm VerifyLate at 8 d",
    }


def test_the_oldest_message_is_that_of_the_stacks_own_queue(cloud: Cloud, drawn: Draw) -> None:
    client: Any = boto3.client("cloudwatch", endpoint_url=cloud.endpoint)
    for queue, seconds in ((cloud.queue_url.rpartition("/")[2], 42.0), ("another", 9_000.0)):
        dimensions = [{"Name": "QueueName", "Value": queue}]
        age = {"MetricName": "ApproximateAgeOfOldestMessage", "Value": seconds, "Dimensions": dimensions}
        client.put_metric_data(Namespace="AWS/SQS", MetricData=[age])
    assert legend(drawn()["queue"]) == {"oldest message": "42 s"}


def test_every_metric_of_a_function_is_one_that_it_emits() -> None:
    unknown = [one for one in WANTED if one.service and one.name not in EMITTED[one.service]]
    assert unknown == []


@pytest.mark.parametrize("choice", WINDOWS, ids=lambda choice: choice.name)
def test_a_window_has_periods_that_cloudwatch_keeps(choice: WindowChoice) -> None:
    now = 1_800_000_123.0
    window = window_of(choice, now)
    assert window.start % window.period == 0
    assert window.start <= now - choice.seconds
    assert (window.end - window.start) / window.period <= 125
    assert window.period % 60 == 0


@pytest.fixture(params=["emulator", "moto"])
def engine(request: pytest.FixtureRequest, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session on a CloudWatch."""
    if request.param == "emulator":
        yield session
        return
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with emulated_aws():
        yield Session(stack="one", sandbox=False, scope=None, region="us-east-1", output=session.output)


def test_every_cloudwatch_answers_with_the_values_of_one_metric_by_period(engine: Session) -> None:
    client = engine.aws.client("cloudwatch")
    now = time.time() // 60 * 60
    for at, stack, value in ((-120, "one", 3), (-119, "one", 4), (-60, "one", 5), (-60, "two", 99)):
        dimensions = [{"Name": "service", "Value": "process"}, {"Name": "stack", "Value": stack}]
        data = {"MetricName": "Stored", "Timestamp": now + at, "Value": value, "Dimensions": dimensions}
        client.put_metric_data(Namespace=metrics.NAMESPACE, MetricData=[data])
    known = metrics.metric(metrics.NAMESPACE, "Stored", {"service": "process", "stack": "one"})
    wanted = [(known, "Sum", 60), (known, "Maximum", 60)]
    sums, greatest = metrics.over_time(engine, wanted, now - 600, now)
    assert {moment.timestamp() - now: value for moment, value in sums.items()} == {-120: 7, -60: 5}
    assert sorted(greatest.values()) == [4, 5]
