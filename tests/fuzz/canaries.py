"""A canary that no log may contain, the inputs that carry it, and a capture of all output."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from billing_mirror.core.json_body import Json
from tests.functions.conftest import Context, Load

from .harness import CANARY, Event

PERSON: dict[str, Json] = {"name": f"Ann {CANARY}", "email": f"ann.{CANARY}@example.com", "description": CANARY}
STATUSES = (200, 302, 400, 401, 402, 403, 404, 409, 429, 500, 503)
FAULTS: tuple[Event, ...] = (
    *({"status": status} for status in (400, 401, 403, 404, 409, 429, 500, "503html")),
    *({"body": kind} for kind in ("truncated", "cut_json", "garbled", "foreign", "reset")),
)
"""What the stand-in can answer instead of an object."""


class CapturedOutput:
    """Everything that was logged or printed since the last check."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._output = io.StringIO()
        self._caplog = caplog

    def load(self, load: Load, name: str) -> ModuleType:
        """Loads a function; it keeps the output that it started with."""
        with redirect_stdout(self._output), redirect_stderr(self._output):
            return load(name)

    def call(self, function: ModuleType, event: Event) -> dict[str, Any]:
        with redirect_stdout(self._output), redirect_stderr(self._output):
            answer: dict[str, Any] = function.lambda_handler(event, Context(seconds=120))
            return answer

    def require_no_canary(self, word: str) -> None:
        """``word`` proves that the expected case has happened."""
        written = self._output.getvalue()
        said = written + self._caplog.text
        self._output.seek(0)
        self._output.truncate()
        self._caplog.clear()
        output = [json.loads(line) for line in written.splitlines()]
        assert [line for line in output if "message" in line], "the function's own line is among them"
        assert word in said
        assert CANARY not in said


class LeakyStripe(ThreadingHTTPServer):
    """A Stripe that quotes a person in every answer; ``status`` and ``text`` set the answer."""

    status = 200
    text = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


_ERROR = {"type": "invalid_request_error", "message": f"{PERSON}", "param": CANARY, "code": "", "person": PERSON}
ANSWERS = (
    *((status, json.dumps({"error": _ERROR, **PERSON, "object": CANARY})) for status in STATUSES),
    *((status, f"<html>{PERSON}</html>") for status in STATUSES),
    (200, json.dumps({"id": "cus_1", "object": CANARY, "not_a_number": float("nan"), "data": [PERSON]})),
    (200, json.dumps({"id": CANARY, "object": "customer", **PERSON, "data": [[PERSON]], "has_more": True})),
    (200, json.dumps({"id": "cus_1", "object": "customer", **PERSON, "livemode": True, "has_more": CANARY})),
    (200, json.dumps([PERSON])),
)
"""Statuses and texts of unusable answers that quote a person."""


class _Quoting(BaseHTTPRequestHandler):
    server: LeakyStripe

    def do_GET(self) -> None:
        text = self.server.text.encode()
        self.send_response(self.server.status, CANARY)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Person", CANARY)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """It has no log of its own."""


@contextmanager
def leaky_stripe() -> Iterator[LeakyStripe]:
    server = LeakyStripe(("127.0.0.1", 0), _Quoting)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
