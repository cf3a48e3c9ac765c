"""Which AWS does a function of a benchmark see besides DynamoDB? SQS and Secrets Manager, on the modelled queue."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dev.benchmarks.events.model.queue import QueueModel

QUARANTINE = "quarantine"
Body = dict[str, Any]


class AwsServer(ThreadingHTTPServer):
    """Answers the calls that functions make, in AWS's JSON protocol; ``secrets`` are texts by ARN."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, queue: QueueModel, secrets: Mapping[str, str], webhook: Callable[[bytes, str], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.queue, self.secrets, self.webhook = queue, secrets, webhook

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, given: Body) -> Body:
        """Raises ``KeyError`` for an operation that no function uses."""
        return _OPERATIONS[operation](self, given)


def _send(server: AwsServer, given: Body) -> Body:
    if given["QueueUrl"].endswith(QUARANTINE):
        server.queue.quarantined.append(given["MessageBody"])
        return {"MessageId": "quarantined"}
    group, delay = given.get("MessageGroupId", ""), float(given.get("DelaySeconds", 0))
    return {"MessageId": server.queue.send(given["MessageBody"], group=group, delay=delay)}


def _send_batch(server: AwsServer, given: Body) -> Body:
    sent = [
        {"Id": one["Id"], **_send(server, {"QueueUrl": given["QueueUrl"], **one}), "MD5OfMessageBody": ""}
        for one in given["Entries"]
    ]
    return {"Successful": sent, "Failed": []}


def _postpone(server: AwsServer, given: Body) -> Body:
    server.queue.postpone(given["ReceiptHandle"], given["VisibilityTimeout"])
    return {}


def _secret(server: AwsServer, given: Body) -> Body:
    return {"ARN": given["SecretId"], "Name": given["SecretId"], "SecretString": server.secrets[given["SecretId"]]}


_OPERATIONS: Mapping[str, Callable[[AwsServer, Body], Body]] = {
    "AmazonSQS.SendMessage": _send,
    "AmazonSQS.SendMessageBatch": _send_batch,
    "AmazonSQS.ChangeMessageVisibility": _postpone,
    "secretsmanager.GetSecretValue": _secret,
}


class _Handler(BaseHTTPRequestHandler):
    server: AwsServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target")
        if target is None:
            self._answer(self.server.webhook(body, self.headers.get("Stripe-Signature", "")), {})
        else:
            self._answer(200, self.server.answer(target, json.loads(body)))

    def _answer(self, status: int, body: Body) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        pass


@contextmanager
def serving(queue: QueueModel, secrets: Mapping[str, str], webhook: Callable[[bytes, str], int]) -> Iterator[AwsServer]:
    """A server on a thread of this process. It also answers Stripe's webhooks."""
    with AwsServer(queue, secrets, webhook) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
