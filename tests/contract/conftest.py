"""The same suites run on doubles, on moto and on the sandbox's engines, which proves the doubles."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_sqs import SQSClient
from mypy_boto3_sqs.type_defs import MessageTypeDef

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.ports import Mirror, Queue, StateStore
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api import server
from dev.fake_stripe.api.faults import ApiFault
from dev.fake_stripe.api.protocol import Answer, Request
from dev.fake_stripe.api.routes import respond
from dev.fake_stripe.client import StandIn
from dev.sandbox.ministack import MiniStack
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.state_store import MemoryStateStore
from tests.emulated_aws import emulated_aws
from tests.simulation.aws import UnreliableMirror, UnreliableQueue, WakingQueue
from tests.simulation.container import IO
from tests.simulation.faults import Dice
from tests.simulation.state_store import UnreliableStateStore

from .accounts import Account, AccountWithEvents, Adapter, Key, SimulatedAccount, StandInAccount, in_memory
from .end_to_end import KEY, EndToEnd
from .tables import create_table

_numbers = itertools.count()


@dataclass(frozen=True)
class Inbox:
    """A queue under test, and what is in it and in its quarantine."""

    queue: Queue
    receive: Callable[[], list[tuple[str, str]]]
    """Visible messages of receipt and body; they are hidden from then on."""
    quarantined: Callable[[], list[tuple[str, str]]]
    """Pairs of body and reason."""


def without_faults() -> tuple[Dice, IO]:
    """The arguments of the simulation's doubles, without faults."""
    dice = Dice(0, losing=False)
    dice.stop_faults()

    async def io(what: str, seconds: float = 0.0) -> None:  # noqa: ARG001 - part of the protocol
        await asyncio.sleep(seconds)

    return dice, io


@pytest.fixture(params=["memory", "simulation", "moto", "emulator"])
def engine(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where AWS is: nowhere, nowhere but for a schedule, in this process, or at an address."""
    if request.param == "emulator":
        emulator: MiniStack = request.getfixturevalue("local_aws")
        yield emulator.endpoint
    elif request.param == "moto":
        request.getfixturevalue("in_process_aws")
        yield None
    else:
        yield request.param


@pytest.fixture
def in_process_aws() -> Iterator[None]:
    """moto, the emulator that is a library."""
    with emulated_aws():
        yield


@pytest.fixture
def table(engine: str | None) -> tuple[DynamoDBClient, str]:
    """A table with the template's own keys and indexes."""
    client = boto3.client("dynamodb", endpoint_url=engine, config=QUICK)
    client.meta.events.register("after-call.dynamodb.BatchGetItem", _in_another_order)
    return client, create_table(client)


def _in_another_order(parsed: dict[str, Any], **_: object) -> None:
    """DynamoDB promises no order of a batch; the emulators keep that of the request."""
    for items in parsed.get("Responses", {}).values():
        items.reverse()


@pytest.fixture
async def mirror(engine: str | None, request: pytest.FixtureRequest) -> Mirror:
    if engine == "memory":
        return MemoryMirror()
    if engine == "simulation":
        return UnreliableMirror(MemoryMirror(), *without_faults())
    if engine is None:
        _one_thread()
    return DynamoMirror(*request.getfixturevalue("table"))


@pytest.fixture
async def state_store(engine: str | None, request: pytest.FixtureRequest) -> StateStore:
    """In the same table as ``mirror``."""
    if engine == "memory":
        return MemoryStateStore()
    if engine == "simulation":
        return UnreliableStateStore(MemoryStateStore(), *without_faults())
    if engine is None:
        _one_thread()
    return DynamoStateStore(*request.getfixturevalue("table"))


@pytest.fixture
def short_pages(engine: str | None, request: pytest.FixtureRequest) -> None:
    """The table answers a query with two items at most, as it does where more would be over 1 MB."""
    if engine not in ("memory", "simulation"):
        client, _ = request.getfixturevalue("table")
        client.meta.events.register("provide-client-params.dynamodb.Query", _two_at_most)


def _two_at_most(params: dict[str, Any], **_: object) -> dict[str, Any]:
    return {"Limit": 2, **params}


def _one_thread() -> None:
    """moto's conditional writes are not atomic between threads: it gets one."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))


@cache
def _dynamodb(endpoint: str | None) -> DynamoDBClient:
    return boto3.client("dynamodb", endpoint_url=endpoint, config=QUICK)


@pytest.fixture
async def end_to_end(engine: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EndToEnd]:
    """A stand-in for Stripe, the flows, and a table: for engines that are DynamoDB."""
    if engine is None:
        _one_thread()
    requests: list[Request] = []

    def recording(backend: Backend, request: Request) -> tuple[Answer, ApiFault | None]:
        requests.append(request)
        return respond(backend, request)

    monkeypatch.setattr(server, "respond", recording)
    backend, client = Backend([KEY]), _dynamodb(engine)
    with server.running(backend) as listening:
        yield EndToEnd(backend, StandIn(listening.api_base), client, create_table(client), requests)


@pytest.fixture
def inbox(engine: str | None) -> Inbox:
    if engine == "memory":
        queue = MemoryQueue(ManualClock())
        return Inbox(
            queue,
            lambda: [(one.receipt, one.body) for one in queue.receive()],
            lambda: list(queue.quarantined),
        )
    if engine == "simulation":
        return _simulated_inbox()
    client = boto3.client("sqs", endpoint_url=engine, config=QUICK)
    number = next(_numbers)
    urls = [client.create_queue(QueueName=f"{name}-{number}")["QueueUrl"] for name in ("queue", "quarantine")]
    return Inbox(
        SqsQueue(client, *urls),
        lambda: [(receipt, body) for receipt, body, _ in _received(client, urls[0])],
        lambda: [(body, reason) for _, body, reason in _received(client, urls[1])],
    )


def _simulated_inbox() -> Inbox:
    queue = WakingQueue(ManualClock())
    unreliable = UnreliableQueue(queue, *without_faults())
    return Inbox(
        unreliable,
        lambda: [(one.receipt, one.body) for one in unreliable.receive(10)],
        lambda: list(queue.quarantined),
    )


def _received(client: SQSClient, url: str) -> list[tuple[str, str, str]]:
    answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return [(message["ReceiptHandle"], message["Body"], _reason(message)) for message in answer.get("Messages", [])]


def _reason(message: MessageTypeDef) -> str:
    attributes = message.get("MessageAttributes", {})
    return attributes["reason"].get("StringValue", "") if "reason" in attributes else ""


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    with server.running(Backend([KEY])) as listening:
        yield Adapter(StandIn(listening.api_base), Key(), MetricCounts())


@pytest.fixture(params=["memory", "simulation", "adapter"])
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "memory":
        return in_memory()
    there = _account_with_events(request)
    return Account(there.stripe, there.customer, there.create_many)


@pytest.fixture(params=["simulation", "adapter"])
def account_with_events(request: pytest.FixtureRequest) -> AccountWithEvents:
    return _account_with_events(request)


def _account_with_events(request: pytest.FixtureRequest) -> SimulatedAccount | StandInAccount:
    if request.param == "simulation":
        return SimulatedAccount(*without_faults())
    return StandInAccount(request.getfixturevalue("adapter"))
