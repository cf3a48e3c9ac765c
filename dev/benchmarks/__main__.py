"""Runs the benchmarks: `python -m dev.benchmarks [--objects 1000000] [name ...]`; without a name, all."""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping

from rich.console import Console

from dev.benchmarks.events import benchmark as events
from dev.benchmarks.events import functions, idle
from dev.benchmarks.reconcile import backfill, drift, fairness, size
from dev.benchmarks.result import Result, load
from dev.benchmarks.starts import reader_import
from dev.sandbox.child_process import interrupt_on_sigterm
from dev.sandbox.toolchain import ROOT, SetupError

OUTPUT = ROOT / "build" / "bench.json"
HUNDRED_THOUSAND = 100_000
BENCHMARKS: Mapping[str, Callable[[int], Result]] = {
    "events": lambda objects: events.run(max(1000, objects // 100)),
    "ingest": lambda _: functions.run(),
    "idle": lambda _: idle.run(),
    "size": size.run,
    "drift": lambda objects: drift.run(max(1000, objects // 10)),
    "backfill": lambda objects: backfill.run(max(1000, objects // 10)),
    "import": lambda _: reader_import.run(),
    "fairness": lambda objects: fairness.run(max(1000, objects // 10)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=HUNDRED_THOUSAND)
    parser.add_argument("names", nargs="*", metavar="name", help="the benchmarks to run; default: all")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - BENCHMARKS.keys())
    if unknown:
        parser.error(f"{unknown[0]} is not a benchmark; known are {', '.join(BENCHMARKS)}")
    interrupt_on_sigterm()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    try:
        missed = [sentence for name in options.names or BENCHMARKS for sentence in _run(name, options.objects, console)]
    except SetupError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130
    for sentence in missed:
        console.print(f"[red]✗ {sentence}[/red]")
    return 1 if missed else 0


def _run(name: str, objects: int, console: Console) -> list[str]:
    """Runs one benchmark, prints and saves its result, and returns the missed bounds."""
    before, started_at = load(), time.monotonic()
    with console.status(f"Measuring: {name} ..."):
        result = BENCHMARKS[name](objects)
    seconds = time.monotonic() - started_at
    console.print(result.table)
    console.print(f"[dim]{seconds:.0f} s; the machine's load was {before} before and is {load()} now[/dim]\n")
    known = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    about = {"objects": objects, "seconds": seconds, "load_before": before, "load_after": load()}
    known[name] = {**about, "python": platform.python_version(), **result.figures, "missed": result.missed}
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(known, indent=2) + "\n")
    return result.missed


if __name__ == "__main__":
    sys.exit(main())
