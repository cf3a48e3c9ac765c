"""Runs schedules on code with a planted defect until one ends wrong: ``python -m tests.simulation.planted``."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.template_file import ROOT

from .defects import DEFECTS, Defect
from .schedule import Schedule

MOST_SEEDS = 10_000
REPORT = Path("build/defects.json")
PARTS = {"billing_mirror": ROOT / "layers" / "billing_mirror", "tests/doubles": ROOT / "tests" / "doubles"}
"""What a copy has in it; everything else is taken from where it is."""


@dataclass(frozen=True, slots=True)
class Caught:
    """The schedule that ended wrong, how, and for which object. ``seeds`` is how many it took."""

    seed: int
    losing: bool
    kind: str
    name: str
    seeds: int = 0


@contextmanager
def planted(defect: Defect) -> Iterator[Path]:
    """A copy of the source that has the defect. Fails where the source is not what the defect was made for."""
    with tempfile.TemporaryDirectory(prefix="defects-") as folder:
        for name, source in PARTS.items():
            shutil.copytree(source, Path(folder) / name)  # times are kept, so that compiled files stay good
        for edit in defect.edits:
            file = Path(folder) / edit.file
            text = file.read_text("utf-8")
            if text.count(edit.old) != 1:
                raise ValueError(f"{defect.what}: {edit.file} does not have this just once: {edit.old}")
            file.unlink()
            file.write_text(text.replace(edit.old, edit.new), "utf-8")
        yield Path(folder)


def catch(defect: Defect, *, most: int = MOST_SEEDS) -> Caught | None:
    """The first schedule that ends wrong with the defect, and well without it."""
    first = 0
    with planted(defect) as folder:
        while first < most:
            found = _first_wrong_in(folder, first, most)
            if found is None or first_wrong(found.seed, found.seed + 1) is None:
                return found and replace(found, seeds=found.seed + 1)
            first = found.seed + 1
    return None


def _first_wrong_in(folder: Path, first: int, end: int) -> Caught | None:
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-m", "tests.simulation.planted", "--try", str(first), str(end)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    said = json.loads(done.stdout)
    return Caught(**said) if said else None


def first_wrong(first: int, end: int) -> Caught | None:
    """The first schedule that ends wrong, on whatever code this process has."""
    for seed in range(first, end):
        for losing in (False, True):
            try:
                wrong = Schedule(seed, losing=losing).run().wrong
            except Exception as error:  # noqa: BLE001 - a schedule that breaks off has caught the defect as well
                return Caught(seed, losing, "broken off", f"{type(error).__name__}: {error}")
            if wrong:
                kind, names = next(iter(wrong.items()))
                return Caught(seed, losing, kind, names[0])
    return None


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make simulate-defects")
    arguments.add_argument("--try", type=int, nargs=2, dest="seeds", help=argparse.SUPPRESS)
    arguments.add_argument("--only", default="", help="a part of the defect's name")
    arguments.add_argument("--processes", type=int, default=os.cpu_count())
    given = arguments.parse_args()
    if given.seeds:
        found = first_wrong(*given.seeds)
        sys.stdout.write(json.dumps(asdict(found) if found else None))
        return 0
    started = time.monotonic()
    defects = [defect for defect in DEFECTS if given.only in defect.what]
    for defect in defects:
        with planted(defect):
            pass  # fails where the code has outgrown it: now, and not after minutes of work
    with ThreadPoolExecutor(given.processes) as pool:
        results = dict(zip(defects, pool.map(catch, defects), strict=True))
    survived = _report(results, time.monotonic() - started)
    return 1 if survived or not results else 0


def _report(results: dict[Defect, Caught | None], seconds: float) -> int:
    console = Console()
    table = Table("defect", "", "how", "seeds", title="Planted defects")
    for defect, caught in results.items():
        if caught is None:
            table.add_row(defect.what, "[red]SURVIVED[/red]", "", f"{MOST_SEEDS:,}")
        else:
            table.add_row(defect.what, "[green]caught[/green]", caught.kind, f"{caught.seeds:,}")
    console.print(table)
    survived = sum(caught is None for caught in results.values())
    console.print(f"{len(results) - survived} of {len(results)} caught, in {seconds:.0f} s.")
    REPORT.parent.mkdir(exist_ok=True)
    told = [{"defect": defect.what, "caught": caught and asdict(caught)} for defect, caught in results.items()]
    REPORT.write_text(json.dumps({"defects": told, "survived": survived, "seconds": round(seconds, 1)}, indent=2))
    return survived


if __name__ == "__main__":
    sys.exit(main())
