"""The whole of Billing Mirror in half a minute: deployed on this machine, fed, disturbed, repaired and judged.

Every figure that is printed is computed from the table, the stand-in and the functions' own logs.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.status import Status

from dev.sandbox import report
from dev.sandbox.child_process import end_in_order
from dev.sandbox.observer import Observer
from dev.sandbox.scenario import SUBSCRIPTION, Business
from dev.sandbox.stack import running_sandbox
from dev.sandbox.toolchain import SetupError

NOT_A_TERMINAL = 130
"""Columns of what is printed where nobody says how many there are."""


def main() -> int:
    end_in_order()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else NOT_A_TERMINAL)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="billing-mirror-"))
    try:
        with (
            console.status("Starting ...") as status,
            running_sandbox(directory, say=status.update) as endpoints,
        ):
            console.print("[green]✓[/green] deployed: API, queue, three functions, table, dashboard, alarms")
            observer = Observer(endpoints)
            try:
                holds = _story(observer, console, status)
            except Exception:  # noqa: BLE001 - whatever it was, the logs may tell of it
                console.print_exception()
                holds = False
            if not holds:
                observer.keep_logs(directory)
    except SetupError as error:
        console.print(f"[red]{error}[/red]")
        return 1  # the directory stays: the logs that the error names are in it
    except KeyboardInterrupt:
        shutil.rmtree(directory, ignore_errors=True)
        console.print("Stopped; nothing is left running.")
        return 130
    if holds:
        shutil.rmtree(directory, ignore_errors=True)
    console.print(report.conclusion(holds, time.monotonic() - started, directory), soft_wrap=True)
    return 0 if holds else 1


def _story(observer: Observer, console: Console, status: Status) -> bool:
    """Sets up, lives, disturbs, loses, repairs; answers whether everything was as it must be."""

    def settle(what: str) -> bool:
        status.update("Waiting until the table shows what Stripe shows ...")
        agreement = observer.wait_until_equal()
        console.print(f"{report.mark(agreement.holds)} {what}: the table {report.verdict(agreement)}")
        for line in report.others(agreement):
            console.print(line)
        return agreement.holds

    business = Business(observer.stripe, say=lambda step: status.update(f"At Stripe: {step} ..."))
    business.set_up()
    holds = settle(f"a company was set up at Stripe, {observer.told()}")
    set_up = time.time()
    business.live()
    holds &= settle("it lived through a month of changes")
    lived = time.time()
    events, requests = observer.events_delivered(), observer.requests()
    business.disturbed()
    holds &= settle(f"it was disturbed, {observer.disturbance()}")
    lags = {
        "cold start": observer.lags(until=set_up),
        "warm": observer.lags(since=set_up, until=lived),
        "disturbed": observer.lags(since=lived),
    }

    lost = business.pause_without_telling()
    observer.stripe.settle()
    behind = observer.agreement()
    noticed = [difference.id for difference in behind.differences] == [lost]
    console.print(
        f"{report.mark(noticed)} an event was lost on purpose: the table {report.verdict(behind, expected=noticed)}"
    )
    status.update("Reconciling ...")
    run = observer.reconcile(SUBSCRIPTION)
    final = observer.agreement()
    console.print(f"{report.mark(final.holds)} reconcile has looked: the table {report.verdict(final)}\n")

    status.stop()
    holds = holds and noticed and final.holds
    console.print(report.mirrored(final), report.drifts(run, observer.drifts(run), expected=holds), sep="\n")
    console.print(report.figures(lags, events=events, requests=requests))
    return holds


if __name__ == "__main__":
    sys.exit(main())
