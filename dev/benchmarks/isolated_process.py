"""One measurement in a fresh process: its memory and its processor time are its own, and nobody's leftovers."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from dev.sandbox.ministack import CREDENTIALS
from dev.sandbox.toolchain import ROOT, SetupError, child_environment

STATUS = Path("/proc/self/status")

Figures = dict[str, Any]


def run(module: str, **given: object) -> Figures:
    """What `python -m dev.benchmarks.<module>` has measured, given this."""
    done = subprocess.run(
        [sys.executable, "-m", f"dev.benchmarks.{module}", json.dumps(given)],
        cwd=ROOT,
        env=child_environment() | CREDENTIALS | {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"The benchmark {module} failed:\n{done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def given() -> Figures:
    """What the starter of this process has given."""
    figures: Figures = json.loads(sys.argv[1])
    return figures


def tell(**figures: object) -> None:
    """Tells the starter of this process what was measured."""
    print(json.dumps(figures))


def peak_mib() -> float:
    """The most memory that this process has had so far."""
    if STATUS.exists():
        # Linux's getrusage tells the starter's memory, where that was more: https://man7.org/linux/man-pages/man5/proc.5.html
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
