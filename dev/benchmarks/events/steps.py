"""On which steps does a handler of ours spend its processor time?

Functions are wrapped while a benchmark runs: what a step calls of another step counts for the inner one.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from types import ModuleType
from typing import Any

from aws_lambda_powertools import Metrics
from botocore.client import BaseClient

from billing_mirror.core.stripe_api.budget import BUDGET_SORT_KEY

VARIABLE = "BENCHMARK_STEPS"
"""The variable of a container that has its steps timed."""
HEAD, CLAIM, CLAIM_READ, BUDGET = (
    "reading the head",
    "taking the claim",
    "reading the claim after the pause",
    "reserving at the budget",
)
REQUEST, PARSING, CONVERSION, PUT = "the request to Stripe", "parsing and digest", "conversion to attributes", "the put"
SIGNATURE, EVENT, SEND = "the signature", "parsing the event", "SendMessage"
REPORT, OTHER = "log and metrics", "another call of AWS"
OF_PROCESS = (HEAD, CLAIM, CLAIM_READ, BUDGET, REQUEST, PARSING, CONVERSION, PUT, REPORT)
OF_INGEST = (SIGNATURE, EVENT, SEND, REPORT)

Function = Callable[..., Any]
Step = Callable[..., str]


class Steps:
    """Seconds of processor time by step, since the last drain."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._inner = threading.local()

    def attach(self, handler: ModuleType) -> None:
        """Wraps the functions of a handler's steps."""
        self._wrap(BaseClient, "_make_api_call", _step_of_call)
        self._wrap(Metrics, "flush_metrics", partial(_always, REPORT))
        self._wrap(handler, "_report", partial(_always, REPORT))
        if hasattr(handler, "accept"):
            self._attach_ingest(handler)
        else:
            self._attach_process()

    def _attach_ingest(self, handler: Any) -> None:  # noqa: ANN401 - a module
        from billing_mirror.ingest import accept

        self._wrap(accept, "read_notification", partial(_always, EVENT))
        known = handler.dependencies
        signed = self.timed(known.verify_signature, partial(_always, SIGNATURE))
        handler.dependencies = replace(known, verify_signature=signed)

    def _attach_process(self) -> None:
        from billing_mirror.adapters import stripe_api
        from billing_mirror.adapters.table import dynamodb
        from billing_mirror.core import json_body
        from billing_mirror.core.table import chunks, items
        from billing_mirror.refresh import fetch

        self._wrap(stripe_api.StripeApi, "_get", partial(_always, REQUEST))
        self._wrap(json_body, "parse", partial(_always, PARSING))
        self._wrap(fetch, "digest", partial(_always, PARSING))
        for module, name in ((dynamodb, "to_attributes"), (items, "item"), (chunks, "split")):
            self._wrap(module, name, partial(_always, CONVERSION))

    def drain(self) -> dict[str, float]:
        with self._lock:
            seconds, self._seconds = self._seconds, defaultdict(float)
        return dict(seconds)

    def timed(self, function: Function, step: Step) -> Function:
        """The function, which notes what it takes for the step that its arguments name."""

        @wraps(function)
        def run(*args: object, **named: object) -> object:
            started, outer = self._clock(), getattr(self._inner, "seconds", 0.0)
            self._inner.seconds = 0.0
            try:
                return function(*args, **named)
            finally:
                whole = self._clock() - started
                own, self._inner.seconds = whole - self._inner.seconds, outer + whole
                with self._lock:
                    self._seconds[step(*args, **named)] += own

        return run

    def _wrap(self, owner: object, name: str, step: Step) -> None:
        setattr(owner, name, self.timed(getattr(owner, name), step))


def _always(step: str, *_: object, **__: object) -> str:
    return step


def _step_of_call(_: object, operation: str, given: dict[str, Any]) -> str:
    """The step that a call of botocore belongs to."""
    if operation == "SendMessage":
        return SEND
    if operation == "UpdateItem":
        return CLAIM
    if operation == "BatchGetItem":
        [table] = given["RequestItems"].values()
        return CLAIM_READ if table["Keys"][0]["sk"] == {"S": "claim"} else HEAD
    if operation == "PutItem":
        return BUDGET if given["Item"]["sk"] == {"S": BUDGET_SORT_KEY} else PUT
    if operation == "BatchExecuteStatement":
        return PUT
    return BUDGET if operation == "Query" else OTHER
