"""How fast is an empty mirror filled, beside nothing but the same writes?"""

import statistics
import tempfile
from pathlib import Path

from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.result import Result, table
from dev.benchmarks.synthetic_server import serving
from dev.sandbox import ministack

LEAST_OF_RAW = 0.5
TURN_SECONDS = 15.0
"""Filling and writing take turns, so that what else the machine does meets both."""


def run(objects: int = 100_000, turn_seconds: float = TURN_SECONDS) -> Result:
    with tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder, serving(objects) as served:
        emulator = ministack.start(Path(folder))
        try:
            done = fresh.run(
                "backfill_run",
                api_base=served.api_base,
                endpoint=emulator.endpoint,
                objects=objects,
                turn_seconds=turn_seconds,
            )
        finally:
            ministack.stop(emulator.pid)
    if (done["status"], done["held"]) != ("complete", objects):
        raise AssertionError(f"the backfill went wrong: {done}")
    turns = done["turns"]
    result = Result(table(f"Filling an empty table with {objects:,} objects", "", "median", "slowest", "fastest"))
    result.figures |= done
    for name, figure in (
        ("backfill, objects a second", "filled_per_second"),
        ("PutItem and nothing else, items a second", "written_per_second"),
    ):
        values = [turn[figure] for turn in turns]
        shown = (statistics.median(values), min(values), max(values))
        result.figures[f"median_{figure}"] = shown[0]
        result.table.add_row(name, *(f"{value:,.0f}" for value in shown))
    ratios = [turn["filled_per_second"] / turn["written_per_second"] for turn in turns]
    ratio = result.at_least("ratio to raw writes", statistics.median(ratios), LEAST_OF_RAW)
    result.table.add_row("ratio, of turns in a row", ratio, f"{min(ratios):.3g}", f"{max(ratios):.3g}")
    result.table.add_row("requests to Stripe for all", f"{done['stripe_calls']:,}")
    return result
