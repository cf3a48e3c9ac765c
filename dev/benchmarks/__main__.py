"""Runs the benchmarks: `python -m dev.benchmarks [--objects 1000000] [--backlog 20000] [--rounds 3] [name ...]`.

Without a name, it runs all.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from rich.console import Console

from dev.benchmarks.events import benchmark as events
from dev.benchmarks.events import functions, idle, profile, settings
from dev.benchmarks.reconcile import backfill, drift, fairness
from dev.benchmarks.reconcile import size as reconcile_size
from dev.benchmarks.result import Result, load
from dev.benchmarks.starts import reader_import
from dev.sandbox.child_process import interrupt_on_sigterm
from dev.sandbox.toolchain import ROOT, SetupError

OUTPUT = ROOT / "build" / "bench.json"
HUNDRED_THOUSAND = 100_000
BACKLOG = 1000


@dataclass(frozen=True)
class Size:
    """How large the benchmarks are, and of how many rounds of live events the medians are shown."""

    objects: int
    backlog: int
    rounds: int


BENCHMARKS: Mapping[str, Callable[[Size], Result]] = {
    "events": lambda size: events.run(rounds=size.rounds),
    "backlog": lambda size: events.run_backlogs(size.backlog),
    "ingest": lambda _: functions.run(),
    "profile": lambda _: profile.run(),
    "settings": lambda size: settings.run(rounds=size.rounds),
    "idle": lambda _: idle.run(),
    "size": lambda size: reconcile_size.run(size.objects),
    "drift": lambda size: drift.run(max(1000, size.objects // 10)),
    "backfill": lambda size: backfill.run(max(1000, size.objects // 10)),
    "import": lambda _: reader_import.run(),
    "fairness": lambda size: fairness.run(max(1000, size.objects // 10)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=HUNDRED_THOUSAND)
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="events in each backlog")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of live events, whose medians are shown")
    parser.add_argument("names", nargs="*", metavar="name", help="the benchmarks to run; default: all")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - BENCHMARKS.keys())
    if unknown:
        parser.error(f"{unknown[0]} is not a benchmark; known are {', '.join(BENCHMARKS)}")
    size = Size(options.objects, options.backlog, options.rounds)
    interrupt_on_sigterm()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    try:
        missed = [sentence for name in options.names or BENCHMARKS for sentence in _run(name, size, console)]
    except SetupError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130
    for sentence in missed:
        console.print(f"[red]✗ {sentence}[/red]")
    return 1 if missed else 0


def _run(name: str, size: Size, console: Console) -> list[str]:
    """Runs one benchmark, prints and saves its result, and returns the missed bounds."""
    before, started_at = load(), time.monotonic()
    with console.status(f"Measuring: {name} ..."):
        result = BENCHMARKS[name](size)
    seconds = time.monotonic() - started_at
    console.print(result.table)
    console.print(f"[dim]{seconds:.0f} s; the machine's load was {before} before and is {load()} now[/dim]\n")
    known = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    about = {**asdict(size), "seconds": seconds, "load_before": before, "load_after": load()}
    known[name] = {**about, "python": platform.python_version(), **result.figures, "missed": result.missed}
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(known, indent=2) + "\n")
    return result.missed


if __name__ == "__main__":
    sys.exit(main())
