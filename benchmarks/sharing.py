"""Do live events wait longer while a backfill is going on?

The bundle as it is deployed, on the local AWS: there everything shares the cores of one machine, so that a backfill is
in the way of live events even where nothing of the bundle lets it.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.config import Config

from benchmarks.crowd import ROW
from benchmarks.crowd_server import KEY, counts, serving
from benchmarks.result import Result, table
from benchmarks.seed import keep_cadences
from sandbox.deploy import Endpoints, Stripe, session
from sandbox.observer import Observer
from sandbox.stack import running_sandbox
from sandbox.toolchain import SetupError

MOST_SLOWER = 2.0
EVENTS_PER_SECOND = 4.0
QUIET_SECONDS = 60.0
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
    with ThreadPoolExecutor(1) as pool:
        backfill = pool.submit(_backfill, observer.endpoints)
        pages = -(-objects // 100)
        during = traffic.until(lambda: backfill.done() or counts(observer.endpoints.stripe_api_base)["lists"] >= pages)
        looking = traffic.until(backfill.done)
        ended = _result(backfill)
    after = traffic.for_seconds(quiet_seconds)
    if ended["inserted"] != objects:
        raise SetupError(f"The backfill has not stored {objects} objects: {ended}")
    quiet = [*observer.lags(*before), *observer.lags(*after)]
    busy = observer.lags(*during)
    result = Result(table(f"Live events beside a backfill of {objects:,} objects", "", "alone", "beside it"))
    result.figures |= {"backfill": ended, "seconds": during[1] - during[0], "events": [len(quiet), len(busy)]}
    result.table.add_row("events stored", f"{len(quiet):,}", f"{len(busy):,}")
    for name, place in (("p50", 49), ("p99", 98)):
        values = [statistics.quantiles(lags, n=100, method="inclusive")[place] / 1000 for lags in (quiet, busy)]
        result.figures[name] = values
        result.table.add_row(f"event created to stored, {name}, s", *(f"{value:.2f}" for value in values))
    ratio = result.figures["p99"][1] / result.figures["p99"][0]
    result.table.add_row("ratio of the p99", "", result.at_most("ratio of the p99", ratio, MOST_SLOWER))
    result.table.add_row("backfill, objects a second", "", f"{objects / (during[1] - during[0]):,.0f}")
    # The local DynamoDB goes through all of an index for each page of a query, and answers nobody meanwhile.
    late = observer.lags(*looking)
    result.figures["slowest while it looks for what no list shows"] = max(late, default=0.0) / 1000
    shown = f"{max(late, default=0.0) / 1000:.2f}"
    result.table.add_row("slowest event, while what no list shows is looked for, s", "", shown)
    return result


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
