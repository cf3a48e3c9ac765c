"""Runs schedules by the thousand: ``make simulate SEEDS=20000 FROM=0``."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing import Pool, cpu_count
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from .environment import Result
from .schedule import Schedule

REPORT = Path("build/simulation.json")
MAX_SHOWN = 3


def both(seed: int) -> list[Result]:
    """A seed's two schedules: one without loss, and one that reconcile has to repair."""
    return [Schedule(seed, losing=losing).run() for losing in (False, True)]


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make simulate")
    arguments.add_argument("seeds", type=int)
    arguments.add_argument("first", type=int)
    given = arguments.parse_args()
    console = Console()
    started = time.monotonic()
    seeds = range(given.first, given.first + given.seeds)
    with Pool() as pool:
        results = pool.imap_unordered(both, seeds, chunksize=20)
        summed = Summary(track(results, "Schedules", total=len(seeds), console=console))
    seconds = time.monotonic() - started
    console.print(summed.table())
    console.print(
        f"Seeds {seeds.start} to {seeds.stop - 1}, {summed.schedules} schedules in {seconds:.0f} s, "
        f"{summed.schedules / seconds / cpu_count():.0f} a second on each of {cpu_count()} cores."
    )
    for result in summed.failed[:MAX_SHOWN]:
        show(console, result)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(summed.report(seeds, seconds), indent=2))
    return 1 if summed.failed else 0


class Summary:
    """The totals of many schedules."""

    def __init__(self, results: Iterable[list[Result]]) -> None:
        self.schedules = 0
        self.struck: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter(dict.fromkeys(("stale", "lost", "resurrected", "crossed", "stuck"), 0))
        self.outcomes: Counter[str] = Counter()
        self.failed: list[Result] = []
        for pair in results:
            for result in pair:
                self.schedules += 1
                self.struck.update(result.struck)
                self.outcomes.update(result.outcomes)
                self.wrong.update({kind: len(names) for kind, names in result.wrong.items()})
                self.failed += [result] if result.wrong else []

    def table(self) -> Table:
        table = Table("result, fault or outcome", "count", title="Simulation")
        for kind, count in self.wrong.items():
            table.add_row(f"objects {kind}", f"{count:,}", style="red" if count else "green")
        table.add_section()
        for fault, count in sorted(self.struck.items()):
            table.add_row(fault, f"{count:,}")
        table.add_section()
        for outcome, count in sorted(self.outcomes.items()):
            table.add_row(f"messages {outcome}", f"{count:,}")
        return table

    def report(self, seeds: range, seconds: float) -> dict[str, object]:
        return {
            "from": seeds.start,
            "seeds": len(seeds),
            "schedules": self.schedules,
            "seconds": round(seconds, 1),
            "objects": dict(self.wrong),
            "faults": dict(self.struck),
            "messages": dict(self.outcomes),
            "failed_seeds": [result.seed for result in self.failed],
        }


def show(console: Console, result: Result) -> None:
    """Prints the steps of the first wrong object, and the command that replays them."""
    said: list[str] = []
    Schedule(result.seed, losing=result.losing, trace=said.append).run()
    kind, names = next(iter(result.wrong.items()))
    identifier = names[0].rpartition("#")[2].rpartition("/")[2]
    console.print(f"\n[red]Seed {result.seed}: {names[0]} is {kind}.[/red] make simulate SEEDS=1 FROM={result.seed}")
    for line in said:
        if identifier in line:
            console.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
