"""What does it take to compare many objects that are all equal: requests, memory, processor time?"""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.synthetic_server import serving
from dev.benchmarks.result import Result, load, table

PAGE = 100
MOST_CALLS = 1.02
"""Requests per page of objects."""
MOST_MIB = 256.0
MOST_GROWTH = 1.5
"""Growth of memory from the fewest objects to the most: eight bytes per object, and what Python keeps."""
MOST_OF_LIBRARY = 0.25
REPETITIONS = 3


def run(objects: int = 1_000_000, repetitions: int = REPETITIONS) -> Result:
    sizes = sorted({max(1, objects // 100), max(1, objects // 10), objects})
    result = Result(table(f"Comparing {objects:,} equal objects", "", *(f"{size:,}" for size in sizes)))
    walks = [_walk(size) for size in sizes]
    library = _against_library(sizes[len(sizes) // 2], repetitions)
    result.figures |= {"walks": walks, "library": library, "load": load()}
    _requests(result, walks)
    _memory(result, walks)
    _processor(result.table, walks)
    result.table.add_section()
    compared = "the same comparing"
    with_dynamodb = f"{compared}, DynamoDB's client added to both"
    for name, what in (("same", compared), ("same_with_dynamodb", with_dynamodb), ("bare", "nothing done with them")):
        ratio = statistics.median(one[name] for one in library)
        shown = (
            result.at_most("ratio to the library's walk", ratio, MOST_OF_LIBRARY) if name == "same" else f"{ratio:.3g}"
        )
        result.figures[f"ratio_{name}"] = ratio
        result.table.add_row(f"processor time, of the stripe library's lists, {what}", shown)
    return result


def _walk(size: int) -> dict[str, Any]:
    with serving(size) as served:
        walk = isolated_process.run("reconcile.walk", api_base=served.api_base, objects=size)
    if (walk["status"], walk["equal"]) != ("complete", size):
        raise AssertionError(f"the walk did not compare all objects: {walk}")
    return {"objects": size, "load": load(), **walk}


def _requests(result: Result, walks: Sequence[dict[str, Any]]) -> None:
    worst = 0.0
    for walk in walks:
        walk["calls_per_page"] = walk["stripe_calls"] / -(-walk["objects"] // PAGE)
        worst = max(worst, walk["calls_per_page"])
    result.at_most("calls per page", worst, MOST_CALLS)
    result.table.add_row("pages", *(f"{-(-walk['objects'] // PAGE):,}" for walk in walks))
    result.table.add_row("calls of Stripe", *(f"{walk['stripe_calls']:,}" for walk in walks))
    result.table.add_row(f"calls per page (≤ {MOST_CALLS})", *(f"{walk['calls_per_page']:.4g}" for walk in walks))


def _memory(result: Result, walks: Sequence[dict[str, Any]]) -> None:
    result.at_most("MiB", max(walk["peak_mib"] for walk in walks), MOST_MIB)
    result.at_most("growth of memory", walks[-1]["peak_mib"] / walks[0]["peak_mib"], MOST_GROWTH)
    result.table.add_row(f"peak memory, MiB (≤ {MOST_MIB:g})", *(f"{walk['peak_mib']:.0f}" for walk in walks))


def _processor(shown: Table, walks: Sequence[dict[str, Any]]) -> None:
    for walk in walks:
        walk["cpu_seconds_per_million"] = walk["cpu_seconds"] / walk["objects"] * 1e6
    shown.add_row(
        "processor time, s (the mirror's answers left out)", *(f"{walk['cpu_seconds']:.2f}" for walk in walks)
    )
    shown.add_row("... per million", *(f"{walk['cpu_seconds_per_million']:.1f}" for walk in walks))
    shown.add_row("DynamoDB's client, for the heads, s", *(f"{walk['dynamodb_cpu_seconds']:.2f}" for walk in walks))


def _against_library(size: int, count: int) -> list[dict[str, float]]:
    """Ratios of processor time, each of runs in direct succession."""
    repetitions = []
    with serving(size) as served:
        for _ in range(count):
            walk = isolated_process.run("reconcile.walk", api_base=served.api_base, objects=size)
            ours, dynamodb = walk["cpu_seconds"], walk["dynamodb_cpu_seconds"]
            same = isolated_process.run("reconcile.sdk_walk", api_base=served.api_base, compare=True)
            bare = isolated_process.run("reconcile.sdk_walk", api_base=served.api_base, compare=False)
            if (same["walked"], same["differing"], bare["walked"]) != (size, 0, size):
                raise AssertionError(f"the library did not walk all objects: {same}, {bare}")
            repetitions.append(
                {
                    "ours_cpu_seconds": ours,
                    "same_cpu_seconds": same["cpu_seconds"],
                    "bare_cpu_seconds": bare["cpu_seconds"],
                    "same": ours / same["cpu_seconds"],
                    "bare": ours / bare["cpu_seconds"],
                    "same_with_dynamodb": (ours + dynamodb) / (same["cpu_seconds"] + dynamodb),
                }
            )
    return repetitions
