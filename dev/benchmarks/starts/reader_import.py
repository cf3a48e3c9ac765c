"""What does importing the reader add to importing boto3?"""

import json
import statistics
import subprocess
import sys

from dev.benchmarks.result import Result, table
from dev.sandbox.toolchain import ROOT

MOST_MILLISECONDS = 100.0
REPETITIONS = 9
MEASURE = """
import json, sys, time
start = time.process_time()
import boto3
between = time.process_time()
import billing_mirror.reader
print(json.dumps([between - start, time.process_time() - between]))
"""


def run(repetitions: int = REPETITIONS) -> Result:
    """Medians of processor time over processes of their own, with bytecode; one more before them writes it."""
    _, *measured = [_measured() for _ in range(repetitions + 1)]
    boto3, reader = (statistics.median(one[part] for one in measured) * 1000 for part in (0, 1))
    result = Result(table("Importing the reader", "", "median"))
    result.figures |= {"boto3_milliseconds": boto3, "ratio": reader / boto3}
    result.table.add_row("boto3, ms", f"{boto3:.0f}")
    result.table.add_row("billing_mirror.reader, ms more", result.at_most("milliseconds", reader, MOST_MILLISECONDS))
    result.table.add_row("ratio", f"{reader / boto3:.2f}")
    return result


def _measured() -> tuple[float, float]:
    """Seconds of processor time for boto3, and for the reader after it."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env={"PYTHONPATH": str(ROOT / "layers"), "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")},
        capture_output=True,
        text=True,
        check=True,
    )
    boto3, reader = json.loads(done.stdout)
    return boto3, reader
