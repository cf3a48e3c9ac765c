"""Waiting for a fetch, on a table and with the flows."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.json_body import JsonObject, digest
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.reader import NotRefreshed, Reader, ReaderError, UnknownType
from tests.doubles.samples import sample, subscription

from .end_to_end import EndToEnd
from .samples_by_type import Sample, load
from .test_reader import TEST

pytestmark = pytest.mark.parametrize("engine", ["moto"], indirect=True)


class SteppingClock:
    """Implements ``reader.waiting.Clock`` without waiting; ``on_sleep`` is what happens meanwhile."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC).timestamp()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Refreshed:
    """A table on which each request for a refresh claims, fetches and puts at once."""

    def __init__(self, client: DynamoDBClient, table: str, body: JsonObject) -> None:
        self._mirror = DynamoMirror(client, table)
        self._body = body
        self.clock = SteppingClock()
        self.requests: list[dict[str, Any]] = []
        self.reader = Reader(table, scope="test", client=client, refresh=self.refresh, clock=self.clock)

    def refresh(self, message: str) -> None:
        self.requests.append(json.loads(message))
        self.put(self._body)

    def put(self, body: JsonObject, fetched_at: float | None = None) -> None:
        ref = ref_to(TEST, str(body["object"]), str(body["id"]), "rcd_1")
        started = self.clock.time if fetched_at is None else fetched_at

        async def write() -> None:
            token, _ = await self._mirror.claim(ref, started)
            observation = Observation(started, "v", "req_1", body, digest(body))
            await self._mirror.put(ref, token, items.item(ref, observation, "cus_1"))

        asyncio.run(write())


def test_a_change_is_read_after_it_was_made(table: tuple[DynamoDBClient, str]) -> None:
    stack = Refreshed(*table, subscription("rcds_1", servicing_status="canceled"))
    stack.put(subscription("rcds_1"))
    found = stack.reader.wait_for("rcds_1")
    assert found.body["servicing_status"] == "canceled"
    assert stack.requests == [
        {"object": "billing_mirror.refresh", "livemode": False, "type": subscription()["object"], "id": "rcds_1"}
    ]


def test_an_object_that_the_mirror_has_never_seen(table: tuple[DynamoDBClient, str]) -> None:
    stack = Refreshed(*table, sample("invoice", id="in_1"))
    assert stack.reader.wait_for("in_1").id == "in_1"


def test_a_nested_object_is_requested_with_its_parent(table: tuple[DynamoDBClient, str]) -> None:
    rate = sample("v2.billing.rate_card_rate", id="rcdr_1", rate_card="rcd_1")
    stack = Refreshed(*table, rate)
    stack.put(rate)
    stack.reader.wait_for("rcdr_1")
    assert [one["parent"] for one in stack.requests] == ["rcd_1"]


def test_a_nested_object_whose_parent_is_not_known_waits_for_its_event(table: tuple[DynamoDBClient, str]) -> None:
    stack = Refreshed(*table, sample("v2.billing.rate_card_rate", id="rcdr_1"))
    with pytest.raises(NotRefreshed, match="rcdr_1 was not fetched within 5 s"):
        stack.reader.wait_for("rcdr_1", timeout=5.0)
    assert stack.requests == []


def test_a_fetch_since_the_moment_is_enough(table: tuple[DynamoDBClient, str]) -> None:
    stack = Refreshed(*table, subscription())
    now = datetime.fromtimestamp(stack.clock.time, UTC)
    stack.put(subscription(), stack.clock.time - 60)
    assert stack.reader.wait_for("rcds_1", since=now - timedelta(minutes=2)).token == 1
    assert stack.requests == []
    assert stack.reader.wait_for("rcds_1", since=now).token == 2


def test_what_cannot_be_waited_for_is_refused(table: tuple[DynamoDBClient, str]) -> None:
    reader = Refreshed(*table, subscription()).reader
    with pytest.raises(ReaderError, match="needed as second argument"):
        reader.wait_for("gold")
    with pytest.raises(ReaderError, match="needed as second argument"):
        reader.wait_for("bli_1")  # three types have this prefix
    with pytest.raises(ReaderError, match="no time zone"):
        reader.wait_for("rcds_1", since=datetime(2026, 11, 20))  # noqa: DTZ001 - that is what is refused
    with pytest.raises(UnknownType, match="did you mean 'coupon'"):
        reader.wait_for("gold", "coupons", timeout=1.0)


def test_a_reader_that_cannot_ask_only_waits(table: tuple[DynamoDBClient, str]) -> None:
    reader = Reader(table[1], scope="test", client=table[0], clock=SteppingClock())
    with pytest.raises(NotRefreshed):
        reader.wait_for("rcds_1")


def test_the_queue_gets_the_message(table: tuple[DynamoDBClient, str]) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="of-the-stack")["QueueUrl"]
    reader = Reader(table[1], scope="test", client=table[0], refresh=queue, clock=SteppingClock())
    with pytest.raises(NotRefreshed):
        reader.wait_for("in_1")
    (message,) = sqs.receive_message(QueueUrl=queue).get("Messages", [])
    assert json.loads(message["Body"])["id"] == "in_1"


async def test_the_flows_answer_the_request(end_to_end: EndToEnd) -> None:
    one = Sample(ref_to(TEST, "coupon", "x").object_type)
    load(end_to_end.backend, one.object_type)
    requests: list[str] = []
    reader = Reader(
        end_to_end.table, scope="test", client=end_to_end.client, refresh=requests.append, clock=SteppingClock()
    )
    with pytest.raises(NotRefreshed):
        await asyncio.to_thread(reader.wait_for, one.ref.id, "coupon")
    for message in requests:
        await end_to_end.flows.queue.send(message, group="test")
    await end_to_end.deliver()
    found = reader.get(one.ref.id, "coupon")
    assert found is not None
    assert found.token == 1
