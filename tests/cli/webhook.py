"""A stack's webhook in front of the emulator: it accepts as ingest does, and logs as its handler does."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from mypy_boto3_logs.type_defs import InputLogEventTypeDef

from billing_mirror.adapters.clock import SystemClock
from billing_mirror.core.events.signature import is_signed, secrets_in
from billing_mirror.ingest.accept import IngestAnswer, IngestDependencies, accept
from tests.cli.conftest import Cloud
from tests.doubles.queue import MemoryQueue


@dataclass
class Webhook:
    """``url`` is where it listens; ``secret_arn`` names its signing secrets."""

    url: str
    secret_arn: str
    answers: list[IngestAnswer] = field(default_factory=list)


class _Secrets:
    def __init__(self, cloud: Cloud, arn: str) -> None:
        self._cloud = cloud
        self._arn = arn

    async def current(self) -> Sequence[str]:
        return secrets_in(self._cloud.secrets.get_secret_value(SecretId=self._arn)["SecretString"])

    async def refreshed(self) -> Sequence[str]:
        return await self.current()


@contextmanager
def listening(cloud: Cloud, secret: str = "unset") -> Iterator[Webhook]:  # noqa: S107 - what a new stack holds
    """A webhook whose stack holds this signing secret."""
    logs = boto3.client("logs", endpoint_url=cloud.endpoint)
    group = cloud.function.log_group = cloud.empty_log_group()
    arn = cloud.secrets.create_secret(Name=f"{cloud.table}-signing", SecretString=secret)["ARN"]
    clock = SystemClock()
    dependencies = IngestDependencies(clock, MemoryQueue(clock), _Secrets(cloud, arn), is_signed)
    known = Webhook("", arn)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = asyncio.run(accept(body, self.headers["Stripe-Signature"], dependencies))
            record = {
                "outcome": answer.metric,
                "event_id": answer.notification.id if answer.notification else None,
            }
            event: InputLogEventTypeDef = {"timestamp": int(time.time() * 1000), "message": json.dumps(record)}
            logs.put_log_events(logGroupName=group, logStreamName="1", logEvents=[event])
            known.answers.append(answer)
            self.send_response(answer.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_port}/stripe/webhook"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
