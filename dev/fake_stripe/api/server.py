"""How does the HTTP server send answers, whole or broken?"""

import json
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dev.fake_stripe.account.backend import Backend

from .control import EXACT, PREFIX, control
from .encoding import dumps, exact
from .faults import ApiFault
from .protocol import Answer, ApiError, Request, random_text
from .routes import respond

logger = logging.getLogger(__name__)
HTML = b"<html><head><title>503 Service Unavailable</title></head><body>upstream failed</body></html>"
FOREIGN = b'{"error": "unavailable"}'  # a proxy's JSON, not Stripe's
GARBLED = b"\x1f\x8b\x00<<not json>>\xff\xfe"
DRIPS = 8
"""Number of pieces of a dripping body."""


class StandInServer(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, backend: Backend, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.backend = backend

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def respond(self, request: Request) -> tuple[Answer, ApiFault | None]:
        """Stripe's answer, and the fault to inject while sending it."""
        return respond(self.backend, request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        """Ignores a client that closed its connection before a slow answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: StandInServer
    protocol_version = "HTTP/1.1"
    # Head and body in one segment, sent at once: otherwise every call waits for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path.startswith(PREFIX):
            self._send(self._control(body), None)
        else:
            request = Request.of(self.command, self.path, dict(self.headers.items()), body)
            answer, fault = self.server.respond(request)
            self._send(answer, fault)

    def _control(self, body: bytes) -> Answer:
        url = urlsplit(self.path)
        try:
            read = exact if url.path.removeprefix(PREFIX) in EXACT else json.loads
            given = read(body) if body else dict(parse_qsl(url.query))
            return Answer(200, control(self.server.backend, self.command, url.path, given))
        except ApiError as error:
            return error.answer(v1=False)
        except json.JSONDecodeError as error:
            return ApiError(400, str(error), code="invalid_json").answer(v1=False)

    def _send(self, answer: Answer, fault: ApiFault | None) -> None:
        if fault is None:
            self._write(answer, dumps(answer.body).encode())
            return
        # The answer was made before the wait: it may be stale when it arrives.
        time.sleep(fault.slow)
        if fault.body == "reset":
            self._reset()
            return
        self._write(answer, _mangled(answer, fault), fault)

    def _write(self, answer: Answer, payload: bytes, fault: ApiFault | None = None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html" if fault and fault.html else "application/json")
        self.send_header("Request-Id", f"req_{random_text(14)}")
        version = self.headers.get("Stripe-Version")
        if version:
            self.send_header("Stripe-Version", version)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if fault and fault.body == "truncated":
            payload = payload[: len(payload) // 2]
            self.close_connection = True
        self._write_body(payload, fault.drip if fault else 0)

    def _write_body(self, payload: bytes, seconds: float) -> None:
        if not seconds:
            self.wfile.write(payload)
            return
        size = max(1, -(-len(payload) // DRIPS))
        for start in range(0, len(payload), size):
            self.wfile.write(payload[start : start + size])
            self.wfile.flush()
            time.sleep(seconds / DRIPS)

    def _reset(self) -> None:
        """Close without lingering: the kernel sends RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        logger.debug(format, *args)


def _mangled(answer: Answer, fault: ApiFault) -> bytes:
    payload = HTML if fault.html else dumps(answer.body).encode()
    if fault.body == "cut_json":
        return payload[: len(payload) // 2]
    if fault.body == "foreign":
        return FOREIGN
    return GARBLED if fault.body == "garbled" else payload


@contextmanager
def running(backend: Backend, port: int = 0) -> Iterator[StandInServer]:
    """A server on a thread of this process."""
    with StandInServer(backend, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            backend.deliveries.close()
