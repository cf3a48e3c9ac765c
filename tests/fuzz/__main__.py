"""Fuzzes ingest with malicious and valid requests, and measures the CPU time of each result: ``make fuzz``.

Each request is checked as in the tests. The slowest are repeated, and their best time counts.
"""

import argparse
import gc
import json
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from . import handwritten_bodies, handwritten_events, handwritten_headers
from .case import CLASSES
from .check import require, require_expected
from .harness import Event, IngestHarness, IngestResult
from .mutations import generated
from .oracle import Expected
from .variants import valid

BY_HAND = (handwritten_bodies, handwritten_events, handwritten_headers)
AGAIN = 20
LARGE = 256 * 1024
"""Characters of a body: more of them may take longer to decode and to hash."""
TARGETS = {"refused": 5.0, "refused, large": 100.0}
"""Milliseconds of CPU within which a request is refused."""
REPORT = Path("build/fuzz.json")


@dataclass(frozen=True)
class FuzzRequest:
    """A request; ``name`` says how to find it again."""

    source: str
    name: str
    event: Event

    def post(self, harness: IngestHarness) -> IngestResult:
        """Raises ``AssertionError`` where it does not end as it should."""
        if self.source != "valid":
            return require_expected(harness, self.event)
        result = harness.post(self.event)
        require(result, Expected.QUEUED)
        return result


def requests(count: int, variants: int) -> Iterator[FuzzRequest]:
    for name, cases in CLASSES.items():
        yield from (FuzzRequest("handwritten", f"{name}: {case.name}", case.event) for case in cases())
    yield from (FuzzRequest("generated", f"generated({number})", generated(number)) for number in range(count))
    yield from (FuzzRequest("valid", f"valid({number})", valid(number)[0]) for number in range(variants))


@dataclass
class Times:
    """The requests with one result: their times in milliseconds, and the slowest of them."""

    times: list[float] = field(default_factory=list)
    slowest: list[tuple[float, FuzzRequest]] = field(default_factory=list)

    def note(self, fuzz_request: FuzzRequest, result: IngestResult) -> None:
        spent = result.cpu * 1000
        self.times.append(spent)
        if len(self.slowest) < AGAIN or spent > self.slowest[-1][0]:
            self.slowest = sorted([*self.slowest, (spent, fuzz_request)], key=lambda one: -one[0])[:AGAIN]

    def at_best(self, harness: IngestHarness) -> tuple[float, str]:
        """The best of seven times of the slowest request, in milliseconds, and its name."""
        again = [(min(harness.post(one.event).cpu for _ in range(7)) * 1000, one.name) for _, one in self.slowest]
        return max(again)


@dataclass
class Summary:
    by_result: dict[str, Times] = field(
        default_factory=lambda: {name: Times() for name in ("refused", "refused, large", "quarantined", "queued")}
    )
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("handwritten", "generated", "valid"), 0))
    wrong: dict[str, str] = field(default_factory=dict)
    """Failures by the name of the request."""

    def post(self, harness: IngestHarness, fuzz_request: FuzzRequest) -> None:
        self.counts[fuzz_request.source] += 1
        try:
            result = fuzz_request.post(harness)
        except Exception as error:  # noqa: BLE001 - any error is a finding
            self.wrong[fuzz_request.name] = f"{type(error).__name__}: {error}"
            return
        refused = "refused, large" if len(fuzz_request.event.get("body") or "") > LARGE else "refused"
        self.by_result["quarantined" if result.quarantined else "queued" if result.queued else refused].note(
            fuzz_request, result
        )


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make fuzz")
    arguments.add_argument("generated", type=int, nargs="?", default=100_000)
    arguments.add_argument("valid", type=int, nargs="?", default=2_000)
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    gc.disable()  # there is far more to go through here than in a function; it is done between requests instead
    console, harness, summary, started = Console(), IngestHarness(), Summary(), time.monotonic()
    total = sum(len([*cases()]) for cases in CLASSES.values()) + given.generated + given.valid
    fuzz_request = requests(given.generated, given.valid)
    for number, one in enumerate(track(fuzz_request, "Requests", total=total, console=console)):
        summary.post(harness, one)
        if number % 1000 == 0:
            gc.collect()
    best = {name: times.at_best(harness) for name, times in summary.by_result.items() if times.times}
    return _report(console, summary, best, time.monotonic() - started)


def _report(console: Console, summary: Summary, best: dict[str, tuple[float, str]], seconds: float) -> int:
    table = Table("result", "requests", "median", "slowest", "request", title="Malicious and valid requests")
    for name, (slowest, which) in best.items():
        times = summary.by_result[name].times
        table.add_row(name, f"{len(times):,}", f"{statistics.median(times):.2f} ms", f"{slowest:.2f} ms", which)
    console.print(table)
    handwritten, made, fine = summary.counts.values()
    console.print(
        f"{handwritten} handwritten requests in {len(CLASSES)} classes, {made:,} generated, {fine:,} valid ones; "
        f"{len(summary.wrong)} failed. In {seconds:.0f} s."
    )
    for which, how in [*summary.wrong.items()][:5]:
        console.print(f"{which}: {how}", markup=False)
    slow = [which for which, target in TARGETS.items() if which in best and best[which][0] >= target]
    for which in slow:
        console.print(f"[red]A request took more than {TARGETS[which]:g} ms of CPU: {which}.[/red]")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(_figures(summary, best, seconds), indent=2))
    return 1 if summary.wrong or slow else 0


def _figures(summary: Summary, best: dict[str, tuple[float, str]], seconds: float) -> dict[str, object]:
    return {
        **{name.replace(" ", "_"): count for name, count in summary.counts.items()},
        "classes": len(CLASSES),
        "wrong": summary.wrong,
        "ended": {name: len(times.times) for name, times in summary.by_result.items()},
        "slowest_ms": {name: round(slowest, 3) for name, (slowest, _) in best.items()},
        "targets_ms": TARGETS,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
