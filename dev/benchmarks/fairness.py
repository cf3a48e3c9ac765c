"""Do live events wait longer while a backfill is going on?

The bundle as it is deployed, on the local AWS: there everything shares the cores of one machine, and the table is one
process that does one thing at a time. So live events are also measured beside plain writes of as many items a second,
made by nothing of the bundle: what they wait for beside these, no backfill could spare them.
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

from billing_mirror.adapters.attributes import Attributes
from billing_mirror.reconcile.backfill import WRITES_AT_ONCE
from dev.benchmarks.result import Result, table
from dev.benchmarks.seed import attributes, keep_cadences
from dev.benchmarks.synthetic_data import ROW
from dev.benchmarks.synthetic_server import KEY, serving
from dev.sandbox.deploy import Endpoints, Stripe, session
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox
from dev.sandbox.toolchain import SetupError
from tests.contract.tables import create_table

MOST_SLOWER = 2.0
EVENTS_PER_SECOND = 4.0
QUIET_SECONDS = 120.0
"""How long events are alone, before the backfill and again after it, and how long they are beside plain writes."""
CUSTOMERS = 20
SECRET = "whsec_benchmark"  # noqa: S105 - of a sandbox that ends with us
PACE = {"StripeRequestsPerSecond": "200", "ReconcileRequestsPerSecond": "1", "MaxConcurrency": "2"}
"""Live events are not slowed down, so that nothing hides what the backfill does to them.

The backfill is, to a hundred objects a second: the local DynamoDB is one process that stores a few hundred at the most,
and would be busy with nothing else at the pace that the bundle is shipped with.
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
            Path(folder) / "sandbox", stripe=Stripe(served.api_base, KEY, SECRET), parameters=PACE
        ) as endpoints,
    ):
        observer = Observer(endpoints)
        observer.stripe.destination(endpoints.webhook_url, [SECRET])
        keep_cadences(observer.dynamodb, endpoints.table)
        return _measured(observer, objects, quiet_seconds)


def _measured(observer: Observer, objects: int, quiet_seconds: float) -> Result:
    traffic = Traffic(observer)
    _invoke(observer.endpoints, {"job": "none"})  # starts the function, and nothing else
    traffic.for_seconds(quiet_seconds / 4)
    before = traffic.for_seconds(quiet_seconds)
    with meanwhile(_backfill, observer.endpoints) as backfill:
        during = traffic.until(backfill.done)
        ended = _result(backfill)
    if ended["inserted"] != objects:
        raise SetupError(f"The backfill has not stored {objects} objects: {ended}")
    after = traffic.for_seconds(quiet_seconds)
    rate = objects / _length(during)
    prepared = [attributes(number) for number in range(int(rate * quiet_seconds))]
    with meanwhile(_write_plainly, prepared, rate, observer.dynamodb) as writing:
        beside_writes = traffic.until(writing.done)
        written_a_second = len(prepared) / writing.result()
    seen = Seen(
        alone=[*observer.lags(*before), *observer.lags(*after)],
        beside_writes=observer.lags(*beside_writes),
        beside_backfill=observer.lags(*during),
        written_a_second=written_a_second,
        filled_a_second=rate,
    )
    result = _shown(seen, f"{objects:,}")
    result.figures |= {"backfill": ended, "seconds": _length(during)}
    return result


@dataclass(frozen=True)
class Seen:
    """How long events took from their creation to their write, in milliseconds, and what shall be compared with it."""

    alone: list[float]
    beside_writes: list[float]
    beside_backfill: list[float]
    written_a_second: float
    filled_a_second: float


def _shown(seen: Seen, objects: str) -> Result:
    title = f"Live events beside a backfill of {objects} objects"
    result = Result(table(title, "", "alone", "beside plain writes", "beside the backfill"))
    columns = (seen.alone, seen.beside_writes, seen.beside_backfill)
    result.figures["events"] = [len(lags) for lags in columns]
    result.table.add_row("events stored", *(f"{len(lags):,}" for lags in columns))
    for name, place in (("p50", 49), ("p99", 98)):
        values = [statistics.quantiles(lags, n=100, method="inclusive")[place] / 1000 for lags in columns]
        result.figures[name] = values
        result.table.add_row(f"event created to stored, {name}, s", *(f"{value:.3f}" for value in values))
    alone, beside_writes, beside_backfill = result.figures["p99"]
    ratio = result.at_most("ratio of the p99", beside_backfill / alone, MOST_SLOWER)
    result.figures["ratio beside plain writes"] = beside_writes / alone
    result.table.add_row("p99 by that of events alone", "", f"{beside_writes / alone:.2f}", ratio)
    rates = seen.written_a_second, seen.filled_a_second
    result.figures["stored_a_second"] = rates
    result.table.add_row("objects stored a second", "", *(f"{rate:,.0f}" for rate in rates))
    return result


def _write_plainly(prepared: Sequence[Attributes], rate: float, client: DynamoDBClient) -> float:
    """Stores items, so many a second, in a table of their own. Answers the seconds that it took."""
    name, began = create_table(client), time.monotonic()
    writes = []
    with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
        for place, item in enumerate(prepared):
            time.sleep(max(0.0, began + place / rate - time.monotonic()))
            writes.append(pool.submit(client.put_item, TableName=name, Item=item))
    for write in writes:
        write.result()
    return time.monotonic() - began


def _length(span: Span) -> float:
    return span[1] - span[0]


class Traffic:
    """Changes of some customers, one after the other, each of which Stripe tells of."""

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
        began, next_at = time.time(), time.monotonic()
        while not done():
            self._change()
            next_at += 1 / EVENTS_PER_SECOND
            time.sleep(max(0.0, next_at - time.monotonic()))
        self._settle()
        return began, time.time()

    def _change(self) -> None:
        self._changes += 1
        customer = self._customers[self._changes % CUSTOMERS]
        self._observer.stripe.update(customer, {"name": f"Customer, {self._changes} times renamed"})

    def _settle(self) -> None:
        self._observer.stripe.settle(PATIENCE)
        until = time.monotonic() + PATIENCE
        while self._waiting() and time.monotonic() < until:
            time.sleep(0.2)

    def _waiting(self) -> int:
        answer = self._observer.sqs.get_queue_attributes(
            QueueUrl=self._observer.endpoints.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(count) for count in answer["Attributes"].values())


@contextlib.contextmanager
def meanwhile(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> Iterator[Future[T]]:
    """Something that goes on beside the block. Nobody waits for its end: who is interrupted has to tidy up now."""
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work, *given, **named)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _backfill(endpoints: Endpoints) -> dict[str, Any]:
    """Asks for it until it has come to its end."""
    while True:
        said = _invoke(endpoints, {"job": "backfill", "types": [ROW.name]})
        counts: dict[str, Any] = said.get(ROW.name, {})
        if counts.get("status") != "running":
            return counts or said


def _invoke(endpoints: Endpoints, wish: dict[str, object]) -> dict[str, Any]:
    """What reconcile answers, however long it takes."""
    patient = Config(read_timeout=1000, retries={"total_max_attempts": 1})
    functions = session().client("lambda", endpoint_url=endpoints.aws_endpoint, config=patient)
    answer = functions.invoke(FunctionName=endpoints.reconcile_function, Payload=json.dumps(wish).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return said


def _result(backfill: Future[dict[str, Any]]) -> dict[str, Any]:
    counts = backfill.result()
    if counts.get("status") != "complete":
        raise SetupError(f"The backfill has not come to its end: {counts}")
    return counts
