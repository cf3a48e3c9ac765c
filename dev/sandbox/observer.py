"""What is the state of a running sandbox: its table, its logs, its stand-in for Stripe?"""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

from billing_mirror.core.metrics import Metric
from billing_mirror.reader import Drift, Reader, Run
from dev.fake_stripe.client import StandIn
from dev.sandbox.comparison import Comparison, compare
from dev.sandbox.deploy import Endpoints, session
from dev.sandbox.logs import lines, metric

PATIENCE = 20.0
"""Seconds after which a difference counts, once nothing is on its way any more."""
MOST_PATIENCE = 600.0
"""Seconds to wait for what is on its way: most of them are for a busy machine."""


class Observer:
    """Reads the table, the logs and the stand-in, and starts runs of reconcile."""

    def __init__(self, endpoints: Endpoints) -> None:
        aws = session()
        self.endpoints = endpoints
        self.stripe = StandIn(endpoints.stripe_api_base)
        self.dynamodb = aws.client("dynamodb", endpoint_url=endpoints.aws_endpoint)
        self.sqs = aws.client("sqs", endpoint_url=endpoints.aws_endpoint)
        self.logs = aws.client("logs", endpoint_url=endpoints.aws_endpoint)
        self.reader = Reader(endpoints.table, scope="test", client=self.dynamodb)
        self._functions = aws.client("lambda", endpoint_url=endpoints.aws_endpoint)

    def comparison(self) -> Comparison:
        return compare(self.stripe, self.dynamodb, self.endpoints.table)

    def wait_until_equal(self, patience: float = PATIENCE, most: float = MOST_PATIENCE) -> Comparison:
        """The first comparison without differences; or the last, some seconds after nothing more was on its way.

        On a slow machine the functions take their time: what waits for them is late and not lost. Waits for ``most``
        seconds at most.
        """
        started_at = idle_since = time.monotonic()
        while not (comparison := self.comparison()).is_equal:
            if not self.stripe.settle(1.0) or self.messages():
                idle_since = time.monotonic()
            now = time.monotonic()
            if now - idle_since > patience or now - started_at > most:
                break
            time.sleep(0.2)
        return comparison

    def reconcile(self, type_name: str, context: str | None = None) -> Run:
        """Runs reconcile for one type of an account now; returns the record of the run."""
        self._invoke_reconcile({"types": [type_name], "context": context})
        return self._reader_of(context).runs(type_name).page(limit=1).items[0]

    def _reader_of(self, context: str | None) -> Reader:
        """The reader of a connected account; without one, of the key's own."""
        if context is None:
            return self.reader
        return Reader(self.endpoints.table, scope=f"test/{context}", client=self.dynamodb)

    def tick(self) -> None:
        """Has reconcile work on all that is due, as its schedule does."""
        self._invoke_reconcile({})

    def _invoke_reconcile(self, event: dict[str, object]) -> None:
        answer = self._functions.invoke(
            FunctionName=self.endpoints.reconcile_function, Payload=json.dumps(event).encode()
        )
        result = json.loads(answer["Payload"].read())
        problem = result.get("errorMessage") or result.get("reason")
        if problem:
            raise RuntimeError(f"reconcile failed: {problem}")

    def drifts(self, run: Run, context: str | None = None) -> list[Drift]:
        """The drift of a run."""
        return list(self._reader_of(context).drifts(run.type, run=run))

    def totals(self) -> str:
        """How many objects and events the stand-in has, in words."""
        return f"{len(self.stripe.objects())} objects, {len(self.stripe.events())} events"

    def disturbance(self) -> str:
        """How many deliveries and requests have failed, in words."""
        deliveries, statuses = self.stripe.deliveries(), self.stripe.requests()["by_status"]
        repeated = deliveries["attempts"] - len(self.stripe.events())
        refused = sum(count for status, count in statuses.items() if status != "200")
        return f"deliveries repeated: {repeated}, requests refused: {refused}"

    def events_delivered(self) -> int:
        """Events that the webhook has accepted, each counted once."""
        return int(self.stripe.deliveries()["delivered"])

    def requests(self) -> int:
        """Requests of the functions to Stripe."""
        return int(self.stripe.requests()["total"])

    def messages(self, *, delayed: bool = True) -> int:
        """Messages in the queue: waiting, in flight or ``delayed``."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.endpoints.queue_url, AttributeNames=["All"])
        if delayed:
            names.append("ApproximateNumberOfMessagesDelayed")
        return sum(int(count) for name, count in answer["Attributes"].items() if name in names)

    def delayed(self) -> int:
        """Messages that become visible only later: objects that will be fetched, or their lists read, once more."""
        return self.messages() - self.messages(delayed=False)

    def quarantined(self) -> Iterator[str]:
        """The reasons of the messages in quarantine; the messages stay there."""
        url = self.endpoints.quarantine_url
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                attributes = message.get("MessageAttributes", {})
                yield attributes["reason"]["StringValue"] if "reason" in attributes else "received too often"

    def keep_logs(self, directory: Path) -> None:
        """Copies the functions' logs to ``functions.log``: the emulator deletes them when it ends."""
        with (directory / "functions.log").open("w") as file:
            file.writelines(f"{line.rstrip()}\n" for line in lines(self.logs))

    def lags(self, since: float = 0.0, until: float = math.inf) -> list[float]:
        """Milliseconds from an event's creation to the write that stores its change, as the function measures them.

        Only of writes between two times, in seconds since 1970.
        """
        return metric(self.logs, Metric.EVENT_TO_STORED_LAG, service="process", since=since, until=until)
