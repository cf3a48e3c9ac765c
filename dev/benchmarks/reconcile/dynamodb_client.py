"""What processor time does DynamoDB's client take to read heads? Its requests are answered without a network."""

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.table.attributes import Attributes, to_attributes
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core import times
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.table.items import Item
from billing_mirror.wiring.event_loop import runner
from dev.benchmarks.reconcile.ports import VERSION
from dev.benchmarks.reconcile.synthetic_data import SUBSCRIPTION, digest_of, id_of, number_of
from dev.sandbox import ministack

BATCH = 100
"""Objects of a page, whose heads verify reads at once."""


class _Body(io.BytesIO):
    """What urllib3 gives to botocore."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Answers:
    """Answers each ``BatchGetItem`` with the heads of the wanted objects. ``seconds`` is the processor time of that."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        started_at = time.thread_time()
        [(table, wanted)] = json.loads(_text(request))["RequestItems"].items()
        found = [_head(key["pk"]["S"]) for key in wanted["Keys"]]
        body = _Body(json.dumps({"Responses": {table: found}, "UnprocessedKeys": {}}).encode())
        self.seconds += time.thread_time() - started_at
        return AWSResponse(request.url, 200, {}, body)  # type: ignore[arg-type]  # urllib3's, of which this is a part


def _text(request: AWSPreparedRequest) -> bytes:
    if not isinstance(request.body, bytes):
        raise TypeError("DynamoDB's requests are bytes")
    return request.body


def _head(key: str) -> Attributes:
    number = number_of(key.rpartition("#")[2])
    if number is None:
        raise AssertionError(f"{key} is no key of a synthetic object")
    columns: Item = {"pk": key, "token": 1, "fetched_at": times.iso(0.0), "digest": digest_of(number)}
    return to_attributes({**columns, "customer": "cus_1", "stripe_version": VERSION})


def read_heads(count: int) -> float:
    """The processor seconds that reconcile's adapter and boto3 take to read the heads of so many objects."""
    answers = Answers()
    client = boto3.client("dynamodb", region_name=ministack.REGION, config=QUICK, **_credentials())
    client.meta.events.register("before-send.dynamodb.BatchGetItem", answers.answer)  # type: ignore[arg-type]  # botocore sends what is returned
    mirror, scope = DynamoMirror(client, "synthetic"), Scope(livemode=False)
    with runner() as loop:
        loop.run(mirror.heads([ObjectRef(scope, SUBSCRIPTION, id_of(0))]))  # only prepares the client
        answers.seconds, started_at = 0.0, time.process_time()
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            found = loop.run(mirror.heads([ObjectRef(scope, SUBSCRIPTION, id_of(number)) for number in numbers]))
            if len(found) != len(numbers):
                raise AssertionError(f"{len(found)} of {len(numbers)} heads were read")
        return time.process_time() - started_at - answers.seconds


def _credentials() -> dict[str, Any]:
    return {"aws_access_key_id": "synthetic", "aws_secret_access_key": "synthetic"}
