"""Do live events wait longer during a backfill?

Measures the deployed bundle on the local AWS, where all programs share one machine, and the table is one process that
serves one request at a time. So live events are also measured during plain writes of as many items per second: no
backfill can make them wait less than these writes do.
"""

import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from botocore.config import Config
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import Attributes
from dev.benchmarks.reconcile.seed import attributes, store_cadences
from dev.benchmarks.reconcile.synthetic_data import PLAIN_WRITES_AT_ONCE, SUBSCRIPTION
from dev.benchmarks.reconcile.synthetic_server import serving
from dev.benchmarks.result import Result, table
from dev.benchmarks.server_process import KEY
from dev.sandbox.deploy import Endpoints, Stripe, session
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox
from dev.sandbox.toolchain import SetupError
from tests.contract.tables import create_table

MOST_SLOWER = 2.0
EVENTS_PER_SECOND = 4.0
QUIET_SECONDS = 120.0
"""How long events run alone, before and after the backfill, and how long beside plain writes."""
CUSTOMERS = 20
SECRET = "whsec_benchmark"  # noqa: S105 - of a sandbox that ends with this process
RATES = {"StripeRequestsPerSecond": "200", "ReconcileRequestsPerSecond": "1", "MaxConcurrency": "2"}
"""Live events have no rate limit that could hide the backfill's effect on them.

The backfill is limited to a hundred objects per second: the local DynamoDB stores a few hundred at most, and the
default rate would keep it busy all the time.
"""
PATIENCE = 120.0
"""Seconds until the last event must be stored."""

Span = tuple[float, float]
P = ParamSpec("P")
T = TypeVar("T")


def run(objects: int = 100_000, *, quiet_seconds: float = QUIET_SECONDS) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder,
        serving(objects) as served,
        running_sandbox(
            Path(folder) / "sandbox", stripe=Stripe(served.api_base, KEY, SECRET), parameters=RATES
        ) as endpoints,
    ):
        observer = Observer(endpoints)
        observer.stripe.destination(endpoints.webhook_url, [SECRET])
        store_cadences(observer.dynamodb, endpoints.table)
        return _measured(observer, objects, quiet_seconds)


def _measured(observer: Observer, objects: int, quiet_seconds: float) -> Result:
    traffic = Traffic(observer)
    _invoke(observer.endpoints, {"job": "none"})  # only starts the function
    traffic.for_seconds(quiet_seconds / 4)
    before = traffic.for_seconds(quiet_seconds)
    with in_background(_backfill, observer.endpoints) as backfill:
        during = traffic.until(backfill.done)
        ended = _result(backfill)
    if ended["inserted"] != objects:
        raise SetupError(f"The backfill has not stored {objects} objects: {ended}")
    after = traffic.for_seconds(quiet_seconds)
    rate = objects / _length(during)
    prepared = [attributes(number) for number in range(int(rate * quiet_seconds))]
    with in_background(_write_plainly, prepared, rate, observer.dynamodb) as writing:
        beside_writes = traffic.until(writing.done)
        written_per_second = len(prepared) / writing.result()
    measured = Lags(
        alone=[*observer.lags(*before), *observer.lags(*after)],
        beside_writes=observer.lags(*beside_writes),
        beside_backfill=observer.lags(*during),
        written_per_second=written_per_second,
        backfilled_per_second=rate,
    )
    result = _shown(measured, f"{objects:,}")
    result.figures |= {"backfill": ended, "seconds": _length(during)}
    return result


@dataclass(frozen=True)
class Lags:
    """Milliseconds from events' creation to their write, and the rates of writes beside them."""

    alone: list[float]
    beside_writes: list[float]
    beside_backfill: list[float]
    written_per_second: float
    backfilled_per_second: float


def _shown(measured: Lags, objects: str) -> Result:
    title = f"Live events beside a backfill of {objects} objects"
    result = Result(table(title, "", "alone", "beside plain writes", "beside the backfill"))
    columns = (measured.alone, measured.beside_writes, measured.beside_backfill)
    result.figures["events"] = [len(lags) for lags in columns]
    result.table.add_row("events stored", *(f"{len(lags):,}" for lags in columns))
    for name, index in (("p50", 49), ("p99", 98)):
        values = [statistics.quantiles(lags, n=100, method="inclusive")[index] / 1000 for lags in columns]
        result.figures[name] = values
        result.table.add_row(f"event created to stored, {name}, s", *(f"{value:.3f}" for value in values))
    alone, beside_writes, beside_backfill = result.figures["p99"]
    ratio = result.at_most("ratio of the p99", beside_backfill / alone, MOST_SLOWER)
    result.figures["ratio beside plain writes"] = beside_writes / alone
    result.table.add_row("p99, relative to events alone", "", f"{beside_writes / alone:.2f}", ratio)
    rates = measured.written_per_second, measured.backfilled_per_second
    result.figures["stored_per_second"] = rates
    result.table.add_row("objects stored per second", "", *(f"{rate:,.0f}" for rate in rates))
    return result


def _write_plainly(prepared: Sequence[Attributes], rate: float, client: DynamoDBClient) -> float:
    """Stores items at a rate per second in a table of their own. Returns the seconds it took."""
    name, started_at = create_table(client), time.monotonic()
    writes = []
    with ThreadPoolExecutor(PLAIN_WRITES_AT_ONCE) as pool:
        for index, item in enumerate(prepared):
            time.sleep(max(0.0, started_at + index / rate - time.monotonic()))
            writes.append(pool.submit(client.put_item, TableName=name, Item=item))
    for write in writes:
        write.result()
    return time.monotonic() - started_at


def _length(span: Span) -> float:
    return span[1] - span[0]


class Traffic:
    """Changes of some customers, one after the other, each with an event."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        made = [observer.stripe.create("customer", {"name": f"Customer {number}"}) for number in range(CUSTOMERS)]
        self._customers = [str(one["id"]) for one in made]
        self._changes = 0

    def for_seconds(self, seconds: float) -> Span:
        until = time.monotonic() + seconds
        return self.until(lambda: time.monotonic() > until)

    def until(self, done: Callable[[], bool]) -> Span:
        """From the first change to the write of the last, in seconds since 1970."""
        started_at, next_at = time.time(), time.monotonic()
        while not done():
            self._change()
            next_at += 1 / EVENTS_PER_SECOND
            time.sleep(max(0.0, next_at - time.monotonic()))
        self._settle()
        return started_at, time.time()

    def _change(self) -> None:
        self._changes += 1
        customer = self._customers[self._changes % CUSTOMERS]
        self._observer.stripe.update(customer, {"name": f"Customer, {self._changes} times renamed"})

    def _settle(self) -> None:
        self._observer.stripe.settle(PATIENCE)
        until = time.monotonic() + PATIENCE
        while self._messages() and time.monotonic() < until:
            time.sleep(0.2)

    def _messages(self) -> int:
        answer = self._observer.sqs.get_queue_attributes(
            QueueUrl=self._observer.endpoints.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(count) for count in answer["Attributes"].values())


@contextlib.contextmanager
def in_background(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> Iterator[Future[T]]:
    """Runs work beside the block. An interrupted block does not wait for the work: it has to clean up at once."""
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work, *given, **named)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _backfill(endpoints: Endpoints) -> dict[str, Any]:
    """Runs a backfill to its end."""
    while True:
        answer = _invoke(endpoints, {"job": "backfill", "types": [SUBSCRIPTION.name]})
        counts: dict[str, Any] = answer.get("runs", {}).get(SUBSCRIPTION.name, {})
        if counts.get("status") != "running":
            return counts or answer


def _invoke(endpoints: Endpoints, request: dict[str, object]) -> dict[str, Any]:
    """Reconcile's answer, without a short timeout."""
    no_timeout = Config(read_timeout=1000, retries={"total_max_attempts": 1})
    functions = session().client("lambda", endpoint_url=endpoints.aws_endpoint, config=no_timeout)
    answer = functions.invoke(FunctionName=endpoints.reconcile_function, Payload=json.dumps(request).encode())
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def _result(backfill: Future[dict[str, Any]]) -> dict[str, Any]:
    counts = backfill.result()
    if counts.get("status") != "complete":
        raise SetupError(f"The backfill did not complete: {counts}")
    return counts
