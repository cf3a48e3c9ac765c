"""How is a measurement isolated? In a process of its own: memory and processor time belong to this measurement."""

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
    """The figures of `python -m dev.benchmarks.<module>` with these arguments."""
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
    """The arguments from the parent process."""
    figures: Figures = json.loads(sys.argv[1])
    return figures


def report(**figures: object) -> None:
    """Sends the figures to the parent process."""
    print(json.dumps(figures))


def peak_mib() -> float:
    """The peak memory of this process."""
    if STATUS.exists():
        # Linux's getrusage returns the parent's peak, if that was higher: https://man7.org/linux/man-pages/man5/proc.5.html
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
