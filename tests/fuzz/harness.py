"""The real handler of ingest, with made-up requests and a queue that records its messages."""

import hashlib
import hmac
import importlib.util
import io
import itertools
import json
import os
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeAlias
from unittest import mock

from billing_mirror.core.events.signature import is_signed
from billing_mirror.ingest.accept import IngestDependencies
from billing_mirror.wiring import ingest as wiring
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.template_file import ROOT

Event: TypeAlias = dict[str, Any]
"""What API Gateway hands to a function: payload format 2.0."""

NOW = 1_700_000_000
CANARY = "canary7Q4x"
"""Part of every request; no answer and no log line may contain it."""
SECRET = f"whsec_{CANARY}_current"
OLD_SECRET = f"whsec_{CANARY}_previous"

_numbers = itertools.count()


@dataclass
class Secrets:
    """Implements ``ports.SigningSecrets``: the cached secrets, and those that a refresh finds."""

    known: tuple[str, ...] = (SECRET, OLD_SECRET)
    stored: tuple[str, ...] = (SECRET, OLD_SECRET)

    async def current(self) -> Sequence[str]:
        return self.known

    async def refreshed(self) -> Sequence[str]:
        self.known = self.stored
        return self.known


@dataclass(frozen=True)
class IngestResult:
    """The result of a request: the answer, the messages sent, and the log."""

    status: int
    reason: str
    queued: tuple[str, ...]
    quarantined: tuple[str, ...]
    log: str
    cpu: float
    """Seconds."""


@dataclass
class Context:
    """The parts of Lambda's context that the handler reads."""

    aws_request_id: str = "a-request"


@dataclass
class IngestHarness:
    """Requests go in by ``post``. The queue is empty again before each."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(float(NOW)))
    secrets: Secrets = field(default_factory=Secrets)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)
        self._log = io.StringIO()
        dependencies = IngestDependencies(self.clock, self.queue, self.secrets, is_signed)
        with redirect_stdout(self._log), mock.patch.object(wiring, "ingest_dependencies", return_value=dependencies):
            self.handler = _loaded()

    def post(self, event: Event) -> IngestResult:
        self.queue.waiting.clear()
        self.queue.quarantined.clear()
        self._log.seek(0)
        self._log.truncate()
        with redirect_stdout(self._log):
            started = time.process_time()
            answer = self.handler.lambda_handler(event, Context())
            cpu = time.process_time() - started
        assert set(answer) == {"statusCode", "headers", "body"}
        return IngestResult(
            answer["statusCode"],
            json.loads(answer["body"])["reason"],
            tuple(one.body for one in self.queue.waiting),
            tuple(body for body, _ in self.queue.quarantined),
            self._log.getvalue(),
            cpu,
        )


def _loaded() -> ModuleType:
    environment = {
        "STACK_NAME": "a-stack",
        "QUEUE_URL": "http://127.0.0.1:9/queue",
        "QUARANTINE_URL": "http://127.0.0.1:9/quarantine",
        "SIGNING_SECRET_ARN": "an-arn",
        "WEBHOOK_SOURCES": "",
        "POWERTOOLS_METRICS_NAMESPACE": "BillingMirror",
        # Powertools keeps one logger for each name, and with it where the one before wrote to.
        "POWERTOOLS_SERVICE_NAME": f"fuzz-{next(_numbers)}",
    }
    spec = importlib.util.spec_from_file_location("fuzzed_ingest", ROOT / "functions" / "ingest" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(os.environ, environment):
        spec.loader.exec_module(module)
    return module


def bytes_of(body: str | bytes) -> bytes:
    return body.encode("utf-8", errors="surrogatepass") if isinstance(body, str) else body


def mac(body: str | bytes, secret: str = SECRET, at: int | str = NOW) -> str:
    """Stripe's signature, by Stripe's description of it and not by its library."""
    return hmac.new(secret.encode(), f"{at}.".encode() + bytes_of(body), hashlib.sha256).hexdigest()


def signed(body: str | bytes, secret: str = SECRET, at: int = NOW) -> str:
    """The header that goes with a body."""
    return f"t={at},v1={mac(body, secret, at)}"


def request(body: object, header: object = None, **fields: Any) -> Event:  # noqa: ANN401 - any JSON
    """A request as API Gateway would hand it over, with fields that replace its own."""
    return {
        "version": "2.0",
        "routeKey": "POST /stripe/webhook",
        "rawPath": "/stripe/webhook",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "user-agent": "Stripe/1.0"}
        | ({"stripe-signature": header} if header is not None else {}),
        "requestContext": {"http": {"method": "POST", "path": "/stripe/webhook", "sourceIp": "198.51.100.7"}},
        "body": body,
        "isBase64Encoded": False,
        **fields,
    }
