"""What runs in a benchmark of events? One way to write the functions, with a Stripe, a table and a queue of its own."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.core.catalog import PREVIEW_VERSION
from billing_mirror.core.stripe_api.budget import DEFAULT_SHARE, LIVE_LIMIT
from dev.benchmarks.events.model import aws_server, stripe_server
from dev.benchmarks.events.model.container import Container
from dev.benchmarks.events.model.queue import Message, QueueModel
from dev.benchmarks.events.model.shipped import EventSource, environment, event_source, memory
from dev.benchmarks.server_process import KEY
from dev.fake_stripe.client import StandIn
from dev.sandbox import ministack
from dev.sandbox.toolchain import ROOT
from tests.contract.tables import create_table

SIGNING_SECRET = "whsec_benchmark"  # noqa: S105 - the stand-in's
NAIVE = Path(__file__).parents[1] / "naive"
LONG_POLL = 20.0
POLLER = "poller"
"""The name of the threads that model Lambda's pollers."""
DEFAULT_VISIBILITY = 30.0
"""Seconds, where the queue does not set it: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""

Json = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One way to write ingest and process."""

    name: str
    ingest: Path
    process: Path
    visibility: float | None = None
    """Seconds; None: as shipped."""
    environment: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """Values of the template's parameters that are not its defaults."""
    memory: int | None = None
    """Megabytes of process; None: as shipped."""

    @property
    def is_ours(self) -> bool:
        return self.visibility is None


OURS = Variant("billing mirror", ROOT / "functions/ingest/handler.py", ROOT / "functions/process/handler.py")


def _naive(name: str, threads: int) -> Variant:
    variables = (("THREADS", str(threads)), ("STRIPE_PREVIEW_VERSION", PREVIEW_VERSION))
    return Variant(name, NAIVE / "ingest.py", NAIVE / "process.py", DEFAULT_VISIBILITY, variables)


SEQUENTIAL, THREADED = _naive("naive", 1), _naive("10 threads", 10)
VARIANTS = (OURS, SEQUENTIAL, THREADED)


@dataclass
class Invocations:
    """The records of invocations since the last drain."""

    records: list[Json] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: Json) -> None:
        with self._lock:
            self.records.append(record)

    def drain(self) -> list[Json]:
        with self._lock:
            drained, self.records = self.records, []
        return drained


@dataclass
class Stack:
    """The running functions of one variant."""

    variant: Variant
    stripe: StandIn
    queue: QueueModel
    table: str
    dynamodb: DynamoDBClient
    webhook_url: str = ""
    ingested: Invocations = field(default_factory=Invocations)
    processed: Invocations = field(default_factory=Invocations)

    def follow(self) -> None:
        """Has Stripe send events to the webhook."""
        self.stripe.destination(self.webhook_url, [SIGNING_SECRET])

    def settle(self, seconds: float) -> bool:
        """Waits until nothing is on its way, repeated looks included. What is left after some seconds is dropped."""
        until = time.monotonic() + seconds
        if self.stripe.settle(seconds) and self.queue.wait_until_empty(until - time.monotonic()):
            return True
        self.queue.purge()
        return False


@contextlib.contextmanager
def table_service() -> Iterator[str]:
    """The address of DynamoDB's emulator while the block runs."""
    os.environ.update(ministack.CREDENTIALS)
    with tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder:
        emulator = ministack.start(Path(folder))
        try:
            yield emulator.endpoint
        finally:
            ministack.stop(emulator.pid)


@contextlib.contextmanager
def running(variant: Variant, endpoint: str, answer_seconds: float) -> Iterator[Stack]:
    """A stack while the block runs, its containers warm. ``endpoint`` is the emulator's, for the table."""
    source = event_source(dict(variant.parameters))
    dynamodb: DynamoDBClient = boto3.client("dynamodb", endpoint_url=endpoint)
    table = create_table(dynamodb)
    queue = QueueModel(variant.visibility or source.visibility)
    secrets = {"SigningSecret": SIGNING_SECRET, "StripeKey": KEY}
    with contextlib.ExitStack() as ending:
        api_base = ending.enter_context(stripe_server.serving(answer_seconds))
        stack = Stack(variant, StandIn(api_base), queue, table, dynamodb)
        pool: list[Container] = []
        server = ending.enter_context(
            aws_server.serving(queue, secrets, lambda body, signature: _webhook(stack, pool[0], body, signature))
        )
        resources = {
            **{name: name for name in secrets},
            "AWS::StackName": "benchmark",
            "Queue": f"{server.url}/1/queue",
            "Quarantine": f"{server.url}/1/{aws_server.QUARANTINE}",
            "Table": table,
            "StripeApiBase": api_base,
            "StripeRequestsPerSecond": f"{DEFAULT_SHARE * LIVE_LIMIT:g}",
            **dict(variant.parameters),
        }
        endpoints = {
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "AWS_ENDPOINT_URL_SQS": server.url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
            **dict(variant.environment),
        }
        pool.append(_container(ending, variant.ingest, environment("IngestFunction", resources) | endpoints, 10))
        variables = environment("ProcessFunction", resources) | endpoints
        containers = [_container(ending, variant.process, variables, source.timeout) for _ in range(source.concurrency)]
        pollers = [
            threading.Thread(target=_poll, args=(stack, source, one), name=POLLER, daemon=True) for one in containers
        ]
        for container, poller in zip(containers, pollers, strict=True):
            container.invoke({"Records": []})  # what only a container's first batch costs
            poller.start()
            # Also where the next container fails to start: the queue is closed, and then its pollers are waited for.
            ending.callback(poller.join, LONG_POLL)
            ending.callback(queue.close)
        pool[0].hold(memory("IngestFunction"))
        for container in containers:
            container.hold(variant.memory or memory("ProcessFunction"))
        stack.webhook_url = f"{server.url}/stripe/webhook"
        stack.follow()
        yield stack


def _container(ending: contextlib.ExitStack, handler: Path, variables: dict[str, str], timeout: float) -> Container:
    container = Container(handler, variables, timeout)
    ending.callback(container.close)
    return container


def webhook_event(body: bytes, signature: str) -> Json:
    """What API Gateway makes of a request."""
    return {
        "version": "2.0",
        "routeKey": "POST /stripe/webhook",
        "rawPath": "/stripe/webhook",
        "headers": {"stripe-signature": signature, "content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/stripe/webhook"}, "requestId": "1"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def _webhook(stack: Stack, container: Container, body: bytes, signature: str) -> int:
    record = container.invoke(webhook_event(body, signature))
    stack.ingested.add(record)
    return int(record["answer"]["statusCode"]) if "answer" in record else 500


def _poll(stack: Stack, source: EventSource, container: Container) -> None:
    """One of Lambda's pollers: receives until the batch is full or its window is over, then invokes and waits.

    Ends with the queue: what is measured next in this process has the processor to itself.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    """
    while not stack.queue.closed:
        first = stack.queue.receive(source.batch_size, time.monotonic() + LONG_POLL)
        until, batch = time.monotonic() + source.window, first
        while batch and len(batch) < source.batch_size and time.monotonic() < until:
            batch += stack.queue.receive(source.batch_size - len(batch), until)
        if batch:
            _invoke(stack, batch, container)


def _invoke(stack: Stack, batch: list[Message], container: Container) -> None:
    record = container.invoke({"Records": [_as_record(message) for message in batch]})
    stack.processed.add(record)
    if "answer" in record:
        kept = {failure["itemIdentifier"] for failure in record["answer"]["batchItemFailures"]}
    else:
        kept = {message.id for message in batch}
    for message in batch:
        if message.id in kept:
            stack.queue.release(message.id)
        else:
            stack.queue.delete(message.id)


def _as_record(message: Message) -> Json:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": message.id,
        "receiptHandle": message.id,
        "body": message.body,
        "attributes": {
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "ApproximateReceiveCount": str(message.receives),
            "MessageGroupId": message.group,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }
