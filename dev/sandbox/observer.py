"""What can be seen of a running sandbox from outside: its table, its logs, and Stripe's side."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

from billing_mirror.core.metrics import Metric
from billing_mirror.reader import Drift, Reader, Run
from dev.fake_stripe.client import StandIn
from dev.sandbox.comparison import Agreement, compare
from dev.sandbox.deploy import Endpoints, session
from dev.sandbox.logs import lines, metric

PATIENCE = 60.0
"""Seconds to wait for the table to become equal."""


class Observer:
    """Looks at the table, the logs and the stand-in, and asks reconcile for a run."""

    def __init__(self, endpoints: Endpoints) -> None:
        aws = session()
        self.endpoints = endpoints
        self.stripe = StandIn(endpoints.stripe_api_base)
        self.dynamodb = aws.client("dynamodb", endpoint_url=endpoints.aws_endpoint)
        self.sqs = aws.client("sqs", endpoint_url=endpoints.aws_endpoint)
        self.logs = aws.client("logs", endpoint_url=endpoints.aws_endpoint)
        self.reader = Reader(endpoints.table, scope="test", client=self.dynamodb)
        self._functions = aws.client("lambda", endpoint_url=endpoints.aws_endpoint)

    def agreement(self) -> Agreement:
        return compare(self.stripe, self.dynamodb, self.endpoints.table)

    def wait_until_equal(self, patience: float = PATIENCE) -> Agreement:
        """The comparison once it holds, or as it is when patience ends (in seconds)."""
        until = time.monotonic() + patience
        self.stripe.settle(patience)
        while not (agreement := self.agreement()).holds and time.monotonic() < until:
            time.sleep(0.2)
        return agreement

    def reconcile(self, type_name: str) -> Run:
        """Has one type compared now; answers the record of the run."""
        answer = self._functions.invoke(
            FunctionName=self.endpoints.reconcile_function, Payload=json.dumps({"types": [type_name]}).encode()
        )
        said = json.loads(answer["Payload"].read())
        for problem in ("errorMessage", "refused", "busy"):
            if problem in said:
                raise RuntimeError(f"reconcile failed: {said[problem]}")
        return self.reader.runs(type_name, limit=1).items[0]

    def drifts(self, run: Run) -> list[Drift]:
        """What a run has found, as far as it fits on a page."""
        return self.reader.drifts(run.type, run=run).items

    def told(self) -> str:
        """What the stand-in holds and has told, in words."""
        return f"{len(self.stripe.objects())} objects, {len(self.stripe.events())} events"

    def disturbance(self) -> str:
        """What has gone wrong so far, in words."""
        deliveries, statuses = self.stripe.deliveries(), self.stripe.requests()["by_status"]
        repeated = deliveries["attempts"] - len(self.stripe.events())
        refused = sum(count for status, count in statuses.items() if status != "200")
        return f"{repeated} deliveries repeated, {refused} requests refused"

    def events_delivered(self) -> int:
        """Events that have reached the webhook, each counted once."""
        return int(self.stripe.deliveries()["delivered"])

    def requests(self) -> int:
        """Requests that the functions have made at Stripe."""
        return int(self.stripe.requests()["total"])

    def messages(self, *, delayed: bool = True) -> int:
        """Messages that have not ended: they wait, or are worked on, or were ``delayed`` when they were sent."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.endpoints.queue_url, AttributeNames=["All"])
        if delayed:
            names.append("ApproximateNumberOfMessagesDelayed")
        return sum(int(count) for name, count in answer["Attributes"].items() if name in names)

    def quarantined(self) -> Iterator[str]:
        """The reasons of what is in quarantine; it stays there."""
        url = self.endpoints.quarantine_url
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                attributes = message.get("MessageAttributes", {})
                yield attributes["reason"]["StringValue"] if "reason" in attributes else "received too often"

    def keep_logs(self, directory: Path) -> None:
        """Writes down what the functions have logged, in ``functions.log``: the emulator takes it along."""
        with (directory / "functions.log").open("w") as file:
            file.writelines(f"{line.rstrip()}\n" for line in lines(self.logs))

    def lags(self, since: float = 0.0, until: float = math.inf) -> list[float]:
        """Milliseconds from an event's creation to the write that shows it, as the function measured them.

        Of writes between two times, in seconds since 1970.
        """
        return metric(self.logs, Metric.EVENT_TO_STORED_LAG, service="process", since=since, until=until)
