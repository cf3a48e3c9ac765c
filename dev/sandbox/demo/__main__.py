"""What does Billing Mirror do? In half a minute: deployed on this machine, used, disturbed, repaired and compared.

Every printed figure is computed from the table, the stand-in and the functions' own logs. The report is also written
to build/demo.txt, and its figures to build/demo.json.
"""

import contextlib
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from billing_mirror.reader import Drift, Run
from dev.sandbox.child_process import interrupt_on_sigterm
from dev.sandbox.comparison import Comparison
from dev.sandbox.demo import report
from dev.sandbox.demo.printout import NOT_A_TERMINAL, Phases, Printout, Progress
from dev.sandbox.demo.scenario import CONNECTED, SUBSCRIPTION, Scenario
from dev.sandbox.listener import PAST_DUE, Listener
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox
from dev.sandbox.toolchain import SetupError

WITH_CONTEXTS = {"Contexts": "seen"}


def main() -> int:
    interrupt_on_sigterm()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else NOT_A_TERMINAL)
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="billing-mirror-"))
    printout = Printout(console)
    try:
        with contextlib.ExitStack() as ending, console.status("Starting ...") as status:
            # A status line is visible on a terminal only: elsewhere each phase gets lines of its own.
            show_phase = status.update if console.is_terminal else ending.enter_context(Phases(console.print)).begin
            with running_sandbox(directory, parameters=WITH_CONTEXTS, report_progress=show_phase) as endpoints:
                printout.step("deployed: API, queue, functions, table, dashboard, alarms", good=True)
                observer = Observer(endpoints)
                try:
                    holds = _story(observer, printout, show_phase, show_detail=status.update)
                except Exception:  # noqa: BLE001 - whatever failed, the logs may have the cause
                    console.print_exception()
                    holds = False
                if not holds:
                    observer.keep_logs(directory)
    except SetupError as error:
        console.print(f"[red]{error}[/red]")
        return 1  # keep the directory: it has the logs that the error names
    except KeyboardInterrupt:
        shutil.rmtree(directory, ignore_errors=True)
        console.print("Stopped; nothing is left running.")
        return 130
    if holds:
        shutil.rmtree(directory, ignore_errors=True)
    seconds = time.monotonic() - started
    printout.print(report.conclusion(holds, seconds, directory), soft_wrap=True)
    printout.record |= {"holds": holds, "seconds": seconds}
    printout.write()
    return 0 if holds else 1


def _story(observer: Observer, printout: Printout, show_phase: Progress, show_detail: Progress) -> bool:
    """Makes changes, injects faults, loses an event, repairs; returns whether every comparison was as expected."""

    def settle(what: str) -> bool:
        show_phase("Waiting until the table equals Stripe ...")
        comparison = observer.wait_until_equal()
        sentence = f"{what}: the table {report.verdict(comparison)}"
        printout.step(sentence, good=comparison.is_equal, comparison=comparison)
        for line in report.others(comparison):
            printout.print(line)
        return comparison.is_equal

    scenario = Scenario(observer.stripe, report_progress=lambda step: show_detail(f"At Stripe: {step} ..."))
    show_phase("Setting up a company at the stand-in ...")
    scenario.set_up()
    holds = settle(f"a company and two connected accounts were set up at the stand-in for Stripe, {observer.totals()}")
    set_up = time.time()
    show_phase("Making a month of changes ...")
    scenario.change_for_a_month()
    holds &= settle("a month of changes was made")
    consumer = Listener(observer.endpoints, "past-due", PAST_DUE)
    late = scenario.miss_a_payment()
    heard = [event["detail"] for event in consumer.received(wait=20)]
    knows = late in [detail["id"] for detail in heard if isinstance(detail, dict)]
    printout.step(
        f"a consumer of the changes {'heard' if knows else 'did not hear'} that {late} is past due", good=knows
    )
    holds &= knows
    changed = time.time()
    work = report.Work(observer.events_delivered(), observer.requests(), observer.delayed())
    show_phase("Making changes while deliveries and requests fail ...")
    scenario.change_under_faults()
    holds &= settle(f"changes were made under faults, {observer.disturbance()}")
    lags = {
        "cold start": observer.lags(until=set_up),
        "warm": observer.lags(since=set_up, until=changed),
        "under faults": observer.lags(since=changed),
    }

    show_phase("Losing three events ...")
    lost = scenario.lose_events()
    observer.stripe.settle()
    behind = observer.comparison()
    noticed = {difference.id for difference in behind.differences} == lost
    sentence = f"three events were lost on purpose: the table {report.verdict(behind, expected=noticed)}"
    printout.step(sentence, good=noticed, comparison=behind)
    show_phase("Reconciling ...")
    runs = {"": _reconcile(observer, SUBSCRIPTION, None)}
    runs |= {account: _reconcile(observer, "customer", account) for account in CONNECTED}
    final = observer.comparison()
    sentence = f"reconcile has run in all three accounts: the table {report.verdict(final)}"
    printout.step(sentence, good=final.is_equal, comparison=final)
    printout.print()

    holds = holds and noticed and final.is_equal
    _print_tables(printout, final, runs, expected=holds)
    printout.print(report.figures(lags, work))
    printout.record |= {"lags": report.percentiles(lags), **asdict(work)}
    return holds


def _reconcile(observer: Observer, type_name: str, account: str | None) -> tuple[Run, list[Drift]]:
    run = observer.reconcile(type_name, account)
    return run, observer.drifts(run, account)


def _print_tables(printout: Printout, final: Comparison, runs: report.RunsByAccount, *, expected: bool) -> None:
    printout.print(report.mirrored(final), report.accounts(final, runs), report.drifts(runs, expected=expected))
    printout.record["mirrored"] = report.by_type(final)
    printout.record["reconcile"] = report.reconciled(runs)


if __name__ == "__main__":
    sys.exit(main())
