"""``make simulate``: its report, its exit status, and how it shows a failed seed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.template_file import ROOT

WITH_A_MUTANT = """
import sys
from multiprocessing import set_start_method
from tests.simulation.__main__ import main
from tests.simulation.mutants.every import named
from tests.simulation.mutants.activation import activated

set_start_method("fork")  # processes that have the mutant, too
with activated(named("a 5xx counts as NotFound")):
    sys.exit(main())
"""


def simulate(
    seeds: int, first: int, *, directory: Path, code: Sequence[str] = ("-m", "tests.simulation")
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", "COLUMNS": "200"}
    command = [sys.executable, *code, str(seeds), str(first)]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, check=False)


def test_the_report_counts_successful_seeds(tmp_path: Path) -> None:
    done = simulate(3, 40, directory=tmp_path)
    report = json.loads((tmp_path / "build" / "simulation.json").read_text())
    assert done.returncode == 0, done.stderr
    assert "Seeds 40 to 42, 6 schedules" in done.stdout
    assert (report["from"], report["seeds"], report["schedules"], report["failed_seeds"]) == (40, 3, 6, [])
    assert report["objects"] == dict.fromkeys(("stale", "lost", "resurrected", "crossed", "stuck"), 0)
    assert report["faults"]
    assert report["messages"]


def test_a_failed_seed_is_shown_with_its_command_and_the_steps_of_its_object(tmp_path: Path) -> None:
    done = simulate(30, 0, directory=tmp_path, code=("-c", WITH_A_MUTANT))
    report = json.loads((tmp_path / "build" / "simulation.json").read_text())
    assert done.returncode == 1
    assert report["objects"]["lost"] > 0
    _, _, shown = done.stdout.partition("is lost. ")
    command, *trace = shown.partition("\nSeed ")[0].splitlines()
    assert command == f"make simulate SEEDS=1 FROM={report['failed_seeds'][0]}"
    assert any(": GET " in line for line in trace)
    assert any(": put_tombstone " in line for line in trace)
