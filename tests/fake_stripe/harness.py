"""A webhook endpoint, a plain HTTP client and a small catalogue for the stand-in's tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

from dev.fake_stripe.client import StandIn

KEY = "sk_test_standin"
LIVE_KEY = "sk_live_standin"
PREVIEW = "2026-10-14.preview"
RELEASED = "2026-10-28.endive"
SECRET = "whsec_first"


@dataclass(frozen=True)
class Delivery:
    body: str
    signature: str

    @property
    def notification(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Inbox:
    """A webhook endpoint that answers with the given statuses, then with 200."""

    received: list[Delivery] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    @property
    def types(self) -> list[str]:
        return [each.notification["type"] for each in self.received]


@contextmanager
def listening() -> Iterator[Inbox]:
    inbox = Inbox()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            inbox.received.append(Delivery(body, self.headers["Stripe-Signature"]))
            self.send_response(inbox.statuses.pop(0) if inbox.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    class Server(HTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Endpoint) as server:
        inbox.url = f"http://127.0.0.1:{server.server_port}/webhooks"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield inbox
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Wire:
    """Plain HTTP to the stand-in, without the SDK."""

    api_base: str

    def open(self, path: str, *, key: str = KEY, version: str | None = PREVIEW, **headers: str) -> HTTPResponse:
        connection = HTTPConnection(urlsplit(self.api_base).netloc, timeout=5)
        given = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if version:
            given["Stripe-Version"] = version
        connection.request("GET", path, headers=given)
        return connection.getresponse()

    def get(self, path: str, *, key: str = KEY, version: str | None = PREVIEW, **headers: str) -> Reply:
        response = self.open(path, key=key, version=version, **headers)
        body: dict[str, Any] = json.loads(response.read())
        return Reply(response.status, dict(response.headers.items()), body)

    def ids(self, path: str) -> list[str]:
        return [each["id"] for each in self.get(path).body["data"]]


@dataclass(frozen=True)
class Catalogue:
    """Ids of the objects that a subscription needs."""

    customer: str
    meter: str
    item: str
    card: str
    cadence: str

    @property
    def subscription_fields(self) -> dict[str, Any]:
        return {"billing_cadence": self.cadence, "rate_card": self.card}


def create_catalogue(stand_in: StandIn, context: str | None = None) -> Catalogue:
    def create(object_type: str, fields: dict[str, Any]) -> str:
        return str(stand_in.create(object_type, fields, context=context)["id"])

    customer = create("customer", {"email": "ada@example.com"})
    meter = create("billing.meter", {"display_name": "Calls", "event_name": "calls"})
    item = create("v2.billing.metered_item", {"display_name": "Calls", "meter": meter})
    rates = [{"metered_item": item, "unit_amount": "1.25"}]
    card = create("v2.billing.rate_card", {"display_name": "Plan", "rates": rates})
    cadence = create("v2.billing.cadence", {"payer": {"customer": customer}})
    return Catalogue(customer, meter, item, card, cadence)
