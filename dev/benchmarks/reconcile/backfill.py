"""How fast is a backfill of an empty mirror, compared with plain writes of the same items?"""

import statistics
import tempfile
from pathlib import Path

from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.synthetic_server import serving
from dev.benchmarks.result import Result, table
from dev.sandbox import ministack

LEAST_OF_RAW = 0.5
INTERVAL_SECONDS = 15.0
"""Backfill and plain writes alternate, so that other load on the machine affects both."""


def run(objects: int = 100_000, interval_seconds: float = INTERVAL_SECONDS) -> Result:
    with tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder, serving(objects) as served:
        emulator = ministack.start(Path(folder))
        try:
            done = isolated_process.run(
                "reconcile.backfill_run",
                api_base=served.api_base,
                endpoint=emulator.endpoint,
                objects=objects,
                interval_seconds=interval_seconds,
            )
        finally:
            ministack.stop(emulator.pid)
    if (done["status"], done["held"]) != ("complete", objects):
        raise AssertionError(f"the backfill did not store all objects: {done}")
    intervals = done["intervals"]
    result = Result(table(f"Backfill of {objects:,} objects into an empty table", "", "median", "slowest", "fastest"))
    result.figures |= done
    for name, figure in (
        ("backfill, objects per second", "backfilled_per_second"),
        ("PutItem and nothing else, items per second", "written_per_second"),
    ):
        values = [interval[figure] for interval in intervals]
        shown = (statistics.median(values), min(values), max(values))
        result.figures[f"median_{figure}"] = shown[0]
        result.table.add_row(name, *(f"{value:,.0f}" for value in shown))
    ratios = [interval["backfilled_per_second"] / interval["written_per_second"] for interval in intervals]
    ratio = result.at_least("ratio to raw writes", statistics.median(ratios), LEAST_OF_RAW)
    result.table.add_row("ratio, interval by interval", ratio, f"{min(ratios):.3g}", f"{max(ratios):.3g}")
    result.table.add_row("requests to Stripe in total", f"{done['stripe_calls']:,}")
    return result
