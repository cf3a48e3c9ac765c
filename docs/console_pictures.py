"""The pictures in docs/console.md, of the console on a sandbox: ``make docs``.

They are taken of the real pages in a headless browser. Where there is none, the pictures stay as they are.
"""

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from billing_mirror_cli.console.server import Server, listen
from billing_mirror_cli.output import Output
from billing_mirror_cli.stack.session import Session
from dev import browser
from dev.browser import DESKTOP, PHONE, Scheme
from dev.sandbox.demo.scenario import CADENCE, SUBSCRIPTION, Scenario
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox

PICTURES = Path(__file__).parent / "console"
PARAMETERS = {"UsageSweep": "on"}
DAY = 86400
WHAT: tuple[tuple[str, str, int, int, Scheme], ...] = (
    ("customer", "/search?q=ada@example.com", DESKTOP, 1500, "light"),
    ("customer-phone", "/search?q=ada@example.com", PHONE, 1300, "dark"),
    ("health", "/health", DESKTOP, 1780, "dark"),
    ("quarantine", "/quarantine", DESKTOP, 420, "light"),
)
"""Name, address, width, height and colour scheme of each picture."""


def main() -> None:
    found = browser.installed()
    if found is None:
        sys.stdout.write(f"{browser.MISSING}: docs/console/ stays as it is.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, ".sandbox")
        with running_sandbox(directory, parameters=PARAMETERS) as endpoints:
            (directory / "endpoints.json").write_text(json.dumps({**asdict(endpoints), "api_key": "rk_test_1"}))
            live_a_month(Observer(endpoints))
            os.chdir(folder)
            session = Session(stack=None, sandbox=True, scope=None, region=None, output=Output(as_json=True))
            take_pictures(listen(session, 0), *found)
    sys.stdout.write("docs/console/: the console on a sandbox.\n")


def live_a_month(observer: Observer) -> None:
    """The demo's company, with a customer who is late, uses much, and has credit; drift, and a broken message."""
    stripe, now = observer.stripe, int(time.time())
    scenario = Scenario(stripe)
    scenario.set_up()
    scenario.change_for_a_month()
    ada = str(stripe.objects("customer")[0]["id"])
    cadence = str(stripe.objects(CADENCE)[0]["id"])
    stripe.update(cadence, {"next_billing_date": datetime.fromtimestamp(now + 9 * DAY, UTC).isoformat()})
    for meter, value in zip(stripe.objects("billing.meter"), ("1204331", "88012", "412.5"), strict=False):
        stripe.usage(str(meter["id"]), ada, value, timestamp=now - 2 * DAY)
    scenario.leave_an_invoice_unpaid(now)
    observer.wait_until_equal()
    for status in ("current", "past_due"):
        stripe.transition(scenario.subscriptions[0], status)
        observer.wait_until_equal()  # each is a change of its own in the history
    observer.tick()
    scenario.lose_events()
    stripe.settle()
    observer.reconcile(SUBSCRIPTION)
    for number in range(3):
        body = json.dumps({"id": f"evt_{number}", "object": "event"})
        observer.sqs.send_message(QueueUrl=observer.endpoints.queue_url, MessageBody=body)
    time.sleep(5)


def take_pictures(server: Server, program: str, driver: str) -> None:
    threading.Thread(target=server.run, daemon=True).start()
    PICTURES.mkdir(exist_ok=True)
    with browser.started(program, driver) as chrome:
        chrome.get(server.guard.address)
        for name, path, width, height, scheme in WHAT:
            browser.show_as(chrome, width, scheme)
            chrome.get(f"http://127.0.0.1:{server.guard.port}{path}")
            (PICTURES / f"{name}.webp").write_bytes(browser.picture(chrome, width, height))


if __name__ == "__main__":
    main()
