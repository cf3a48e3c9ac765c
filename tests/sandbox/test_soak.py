"""A short soak, and the figures of its report."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_mirror.core.json_body import JsonObject
from dev.sandbox.soak.freshness import Cause, Spread, Write, causes, lags
from dev.sandbox.soak.run import Plan, soak

from .conftest import Bundle

SHORT = Plan(seconds=12, rate=15, kill_every=5, wait_for_delayed=False)
AGAIN_AFTER = 8
"""Seconds until the queue delivers a killed function's messages again."""


@pytest.fixture
def hasty_queue(bundle: Bundle) -> Iterator[None]:
    """A queue with a short visibility timeout.

    The messages of a killed function come back when their visibility times out, after 400 seconds as deployed. With a
    timeout shorter than the function's, a message may also come back while it is in process: that must do no harm.
    """
    queue = bundle.endpoints.queue_url
    deployed = bundle.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    bundle.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(AGAIN_AFTER)})
    yield
    bundle.sqs.set_queue_attributes(QueueUrl=queue, Attributes=deployed)


@pytest.mark.usefixtures("hasty_queue")
def test_a_short_soak_ends_with_an_equal_table(bundle: Bundle, sandbox_directory: Path) -> None:
    bundle.stripe.create("customer")
    bundle.wait_until_equal()  # a warm function: a cold start would take most of the soak's time
    outcome = soak(bundle, sandbox_directory, SHORT)
    assert (outcome.differences, outcome.quarantined, outcome.not_stored) == ((), (), ())
    assert outcome.settled_after is not None
    assert outcome.delivered == outcome.events >= SHORT.seconds * SHORT.rate * 0.8
    assert outcome.kills > 0
    assert outcome.faults.keys() & {"duplicate", "delay", "reorder", "lost_answer"}
    assert outcome.faults.keys() & {"409", "429", "500", "reset", "garbled"}
    assert outcome.holds


def event(made: str) -> JsonObject:
    return {
        "object": "v2.core.event",
        "id": "evt_1",
        "type": "v1.price.updated",
        "created": made,
        "livemode": False,
        "related_object": {"id": "price_1", "type": "price", "url": "/v1/prices/price_1"},
    }


def test_the_lag_ends_with_the_first_write_whose_fetch_came_after_the_event() -> None:
    key, made = "test#price/price_1", 1_700_000_000.0
    writes = [
        Write(key, fetched_at=made - 1, written_at=made + 1),
        Write(key, fetched_at=made + 4, written_at=made + 9),
        Write(key, fetched_at=made + 3, written_at=made + 5),
        Write("test#price/price_2", fetched_at=made, written_at=made + 1),
    ]
    assert lags([event("2023-11-14T22:13:20.000Z")], writes) == {"evt_1": 5.0}


def test_an_event_without_a_write_has_no_lag() -> None:
    assert lags([event("2023-11-14T22:13:20.000Z")], []) == {}


def test_the_cause_of_a_lag_is_the_worst_fault_in_the_reports() -> None:
    def record(event: str, receive_count: int) -> JsonObject:
        return {"service": "process", "event_id": event, "receive_count": receive_count}

    deliveries: list[JsonObject] = [
        {"event_id": "smooth", "faults": []},
        {"event_id": "late", "faults": ["delay"]},
        {"event_id": "tried again", "faults": ["delay"]},
        {"event_id": "cut off", "faults": []},
    ]
    records = [
        record("smooth", 1),
        record("late", 1),
        record("tried again", 1),
        record("tried again", 2),
        record("cut off", 2),  # the first receive has no record
    ]
    assert causes(deliveries, records) == {
        "smooth": Cause.NONE,
        "late": Cause.ON_THE_WAY,
        "tried again": Cause.STRIPE,
        "cut off": Cause.KILLED,
    }


def test_one_lag_is_its_own_percentile() -> None:
    assert Spread.of([2.0]) == Spread(1, 2.0, 2.0, 2.0, 2.0)
