"""Runs schedules on every mutant until one ends wrong: ``make mutants``."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from .activation import BrokenMutant, activated
from .every import MUTANTS, named
from .registry import Mutant
from .trial import MOST_SEEDS, Caught, catch, run_seeds

REPORT = Path("build/mutants.json")

Result: TypeAlias = Caught | BrokenMutant | None
"""None where it has survived."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make mutants")
    arguments.add_argument("--try", nargs=3, dest="trial", help=argparse.SUPPRESS)
    arguments.add_argument("--only", default="", help="a part of the mutant's sentence")
    arguments.add_argument("--processes", type=int, default=os.cpu_count())
    given = arguments.parse_args()
    if given.trial:
        sentence, first, end = given.trial
        sys.stdout.write(run_seeds(named(sentence), int(first), int(end)).to_json())
        return 0
    started = time.monotonic()
    mutants = [mutant for mutant in MUTANTS if given.only in mutant.sentence]
    for mutant in mutants:
        with activated(mutant):
            pass  # fails where the code has outgrown it: now, and not after minutes of work
    with ThreadPoolExecutor(given.processes) as pool:
        results = dict(zip(mutants, pool.map(result_of, mutants), strict=True))
    report(results, time.monotonic() - started)
    return 0 if results and all(isinstance(result, Caught) for result in results.values()) else 1


def result_of(mutant: Mutant) -> Result:
    try:
        return catch(mutant)
    except BrokenMutant as error:
        return error


def report(results: Mapping[Mutant, Result], seconds: float) -> None:
    console = Console()
    table = Table("mutant", "", "how", "seeds", title="Mutants")
    for mutant, result in results.items():
        match result:
            case Caught():
                table.add_row(mutant.sentence, "[green]caught[/green]", result.kind, f"{result.seeds:,}")
            case BrokenMutant():
                table.add_row(mutant.sentence, "[red]BROKEN[/red]", str(result), "")
            case None:
                table.add_row(mutant.sentence, "[red]SURVIVED[/red]", "", f"{MOST_SEEDS:,}")
    console.print(table)
    survived = sum(result is None for result in results.values())
    broken = sum(isinstance(result, BrokenMutant) for result in results.values())
    caught = len(results) - survived - broken
    console.print(f"{caught} of {len(results)} caught, {survived} survived, {broken} broken, in {seconds:.0f} s.")
    REPORT.parent.mkdir(exist_ok=True)
    entries = [
        {
            "mutant": mutant.sentence,
            "caught": asdict(result) if isinstance(result, Caught) else None,
            "broken": str(result) if isinstance(result, BrokenMutant) else None,
        }
        for mutant, result in results.items()
    ]
    report = {"mutants": entries, "survived": survived, "broken": broken, "seconds": round(seconds, 1)}
    REPORT.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    sys.exit(main())
