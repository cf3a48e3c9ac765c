"""A stack in the emulator that fills each page of the console, and the console on it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import waitress
from selenium.webdriver import Chrome

from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Job, Resolution, Run, Status
from billing_mirror_cli.console.app import create_app
from billing_mirror_cli.console.guard import Guard
from billing_mirror_cli.console.history import Change, FieldChange, History, Named, Timeline
from billing_mirror_cli.console.server import listen
from billing_mirror_cli.output import Output
from billing_mirror_cli.stack.session import Session
from dev import browser
from tests.cli.conftest import Cloud
from tests.doubles.samples import cadence, rate, rate_card, sample, subscription, version

CUSTOMER, LATE = "cus_NffrFeUfNV2Hib", "in_1MtHbELkdIwHu7ixl4OzzPMv"
SUBSCRIPTION = "rcds_test_61RpA8zvV4mBMTDkf16RpA7YSQGmfqTPa5aBsxkQ0Ybk"
RATE = "rcdr_test_61RpAAzGvXQnS9KLM16RpA7YSQGmfqTPa5aBsxkQ0YbU"
PAGES = {
    "home": "/",
    "customer": f"/customer?id={CUSTOMER}",
    "subscription": f"/object?id={SUBSCRIPTION}",
    "rate": f"/object?id={RATE}",
    "list": "/list?type=v2.billing.rate_card_subscription",
    "health": "/health",
    "drift": "/drift",
    "quarantine": "/quarantine",
    "search": "/search?q=ada@example.com",
    "missing": "/object?id=cus_none",
}
"""A page of each kind."""
DAY = 86400


@dataclass(frozen=True)
class KnownHistory:
    """A history with these changes of each object."""

    changes: Sequence[Change] = ()
    read: list[Sequence[str]] = field(default_factory=list)

    def timeline(self, objects: Sequence[Named]) -> Timeline:
        ids = [one.id for one in objects]
        self.read.append(ids)
        return Timeline([one for one in self.changes if one.id in ids], "Kept for 30 days.")


PAST_DUE = Change(
    at="2026-11-21T08:00:00.000Z",
    id=SUBSCRIPTION,
    type="v2.billing.rate_card_subscription",
    kind="updated",
    fields=[FieldChange("collection_status", "current", "past_due"), FieldChange("latest_invoice", "", LATE)],
)


def session_on(cloud: Cloud, environment: pytest.MonkeyPatch) -> Session:
    """A session on the stack, as the command makes it."""
    cloud.pin()
    environment.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    environment.setenv("AWS_ENDPOINT_URL_LAMBDA", cloud.function.address)
    return Session(stack=cloud.name, sandbox=False, scope=None, region="us-east-1", output=Output(as_json=True))


def fill(cloud: Cloud) -> None:
    """Puts something onto each page: a late customer, drift, and a message in quarantine."""
    now = time.time()
    _compared(cloud, now)
    cloud.put(
        sample("customer", id=CUSTOMER, name="A" * 60, email="ada@example.com", balance=-1250, currency="eur"),
        customer=CUSTOMER,
    )
    cloud.put(cadence("bc_1", CUSTOMER), customer=CUSTOMER)
    cloud.put(rate_card("rcd_1", currency="eur"))
    tiers: JsonObject = {
        "tiering_mode": "graduated",
        "unit_amount": None,
        "tiers": [
            {"up_to_decimal": "1000000", "unit_amount": "0.00025"},
            {"up_to_decimal": "50000000.5", "unit_amount": "0.0002"},
            {"up_to_inf": "inf", "unit_amount": "0.000125", "flat_amount": "500"},
        ],
    }
    tokens = rate(RATE, metered_item={"id": "bli_1", "display_name": "Output tokens"}, **tiers)
    cloud.put(tokens, parent="rcd_1")
    cloud.put(version("rcdv_1"), members=[tokens])
    cloud.put(subscription(SUBSCRIPTION, collection_status="past_due"), customer=CUSTOMER)
    due = int(now) - 7 * DAY
    late = sample("invoice", id=LATE, status="open", amount_remaining=14700, currency="eur", due_date=due)
    cloud.put(late | {"customer": CUSTOMER}, customer=CUSTOMER)
    queue = SqsQueue(cloud.sqs, cloud.queue_url, cloud.quarantine_url)
    asyncio.run(queue.quarantine('{"id": "evt_1"}', reason=f"the object {LATE} is too large: 1,223 KiB"))


def _compared(cloud: Cloud, now: float) -> None:
    """Every type was compared a minute ago, and one invoice differed."""
    for one in RECONCILED_TYPES:
        run = Run(
            one.name,
            Job.VERIFY,
            now - 60,
            updated_at=now - 59,
            finished_at=now - 59,
            status=Status.COMPLETE,
            counts=Counts(compared=10, equal=10),
        )
        cloud.record(run)
        if one.name == "invoice":
            found = Drift(LATE, Difference.DIFFERENT, Resolution.REPAIRED, fields=("status",), token=7)
            cloud.note(run, found, now - 59)
    recover = Run("recover", Job.RECOVER, now - 60, updated_at=now - 59, watermark=times.iso(now - 60))
    cloud.record(recover)


@dataclass(frozen=True)
class Served:
    """A console that answers on loopback, and its secrets."""

    address: str
    guard: Guard


@contextlib.contextmanager
def serve(session: Session, history: History | None = None) -> Iterator[Served]:
    """The console as the command serves it, with a history."""
    waiting = listen(session, 0)
    app = create_app(session, waiting.guard, history=history or KnownHistory([PAST_DUE]))
    server = waitress.create_server(app, sockets=[waiting.listening], threads=4, ident=None)
    threading.Thread(target=server.run, daemon=True).start()
    yield Served(f"http://127.0.0.1:{waiting.guard.port}", waiting.guard)
    server.close()


@pytest.fixture
def session(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Session:
    return session_on(cloud, monkeypatch)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """A browser for the whole run."""
    found = browser.installed()
    if found is None:
        pytest.skip(f"{browser.MISSING}, so the console is not tested in one")
    with browser.started(*found) as chrome:
        yield chrome


def open_console(chromium: Chrome, served: Served) -> Chrome:
    """The browser of the person who started the console: at home, as wide as a desktop."""
    chromium.get("about:blank")
    chromium.delete_all_cookies()
    browser.show_as(chromium, browser.DESKTOP, "light")
    chromium.get(served.guard.address)
    return chromium
