"""Changes, faults and kills for minutes, in a sandbox of its own: `python -m dev.sandbox.soak --seconds 300 --rate 20`.

Writes the printed figures to build/soak.json too, and the functions' metrics to build/metrics.json.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from dev.sandbox import logs
from dev.sandbox.child_process import interrupt_on_sigterm
from dev.sandbox.demo.printout import NOT_A_TERMINAL
from dev.sandbox.metrics.metric_series import metric_series
from dev.sandbox.observer import Observer
from dev.sandbox.stack import running_sandbox
from dev.sandbox.toolchain import ROOT, SetupError

from . import report
from .run import Plan, soak

WRITTEN_TO = ROOT / "build" / "soak.json"
METRICS = ROOT / "build" / "metrics.json"
AS_DEPLOYED = {"MaxConcurrency": "5"}
"""The template's default: with less concurrency, 20 events per second queue up, since the emulator limits batches to
ten messages."""


def main() -> int:
    interrupt_on_sigterm()
    plan = _plan(sys.argv[1:])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else NOT_A_TERMINAL)
    directory = Path(tempfile.mkdtemp(prefix="billing-mirror-"))
    try:
        with (
            console.status("Starting ...") as status,
            running_sandbox(directory, parameters=AS_DEPLOYED, report_progress=status.update) as endpoints,
        ):
            observer = Observer(endpoints)
            outcome = soak(observer, directory, plan, report_progress=status.update)
            status.update("Verifying every type by a tick ...")
            observer.tick()
            series = metric_series(logs.records(observer.logs))
    except SetupError as error:
        console.print(f"[red]{error}[/red]")
        return 1  # keep the directory: it has the logs that the error names
    except KeyboardInterrupt:
        shutil.rmtree(directory, ignore_errors=True)
        console.print("Stopped; nothing is left running.")
        return 130
    console.print(report.activity_table(outcome), report.lag_table(outcome.lags), report.verdict(outcome), sep="\n")
    WRITTEN_TO.parent.mkdir(exist_ok=True)
    METRICS.write_text(json.dumps(series, indent=1, sort_keys=True) + "\n")
    WRITTEN_TO.write_text(json.dumps({**dataclasses.asdict(outcome), "holds": outcome.holds}, indent=2) + "\n")
    if not outcome.holds:
        console.print(f"The logs of the emulator and the stand-in are in {directory}.")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    return 0


def _plan(arguments: list[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="duration of the changes")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="events per second")
    parser.add_argument("--kill-every", type=float, default=Plan.kill_every, help="mean seconds; 0: never")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="seed of the changes, the faults and the kills")
    return Plan(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
