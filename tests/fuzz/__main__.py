"""Hostile requests by the ten thousand, how each of them ends, and how much CPU it costs: ``make fuzz``.

Each is checked as the tests check it. The slowest are tried again, since only their best time is their own.
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
from .check import require, require_right
from .harness import Ended, Event, Gate
from .mutations import generated
from .oracle import Verdict
from .variants import valid

BY_HAND = (handwritten_bodies, handwritten_events, handwritten_headers)
AGAIN = 20
TARGET = 5.0
"""Milliseconds of CPU within which a request is refused."""
REPORT = Path("build/hostile.json")


@dataclass(frozen=True)
class Asked:
    """A request; ``name`` says how to find it again."""

    source: str
    name: str
    event: Event

    def post(self, gate: Gate) -> Ended:
        """Raises ``AssertionError`` where it does not end as it should."""
        if self.source != "valid":
            return require_right(gate, self.event)
        ended = gate.post(self.event)
        require(ended, Verdict.QUEUED)
        return ended


def requests(count: int, variants: int) -> Iterator[Asked]:
    for name, cases in CLASSES.items():
        yield from (Asked("by hand", f"{name}: {case.name}", case.event) for case in cases())
    yield from (Asked("generated", f"generated({number})", generated(number)) for number in range(count))
    yield from (Asked("valid", f"valid({number})", valid(number)[0]) for number in range(variants))


@dataclass
class Way:
    """The requests that ended in one way: their times in milliseconds, and the slowest of them."""

    times: list[float] = field(default_factory=list)
    slowest: list[tuple[float, Asked]] = field(default_factory=list)

    def note(self, asked: Asked, ended: Ended) -> None:
        spent = ended.cpu * 1000
        self.times.append(spent)
        if len(self.slowest) < AGAIN or spent > self.slowest[-1][0]:
            self.slowest = sorted([*self.slowest, (spent, asked)], key=lambda one: -one[0])[:AGAIN]

    def at_best(self, gate: Gate) -> tuple[float, str]:
        """The slowest one's best time of seven, in milliseconds, and its name."""
        again = [(min(gate.post(one.event).cpu for _ in range(7)) * 1000, one.name) for _, one in self.slowest]
        return max(again)


@dataclass
class Summary:
    ways: dict[str, Way] = field(default_factory=lambda: {way: Way() for way in ("refused", "kept", "queued")})
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("by hand", "generated", "valid"), 0))
    wrong: dict[str, str] = field(default_factory=dict)
    """What went wrong, by the request's name."""

    def post(self, gate: Gate, asked: Asked) -> None:
        self.counts[asked.source] += 1
        try:
            ended = asked.post(gate)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            self.wrong[asked.name] = f"{type(error).__name__}: {error}"
            return
        self.ways["kept" if ended.kept else "queued" if ended.queued else "refused"].note(asked, ended)


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make fuzz")
    arguments.add_argument("generated", type=int, nargs="?", default=100_000)
    arguments.add_argument("valid", type=int, nargs="?", default=2_000)
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    gc.disable()  # there is far more to go through here than in a function; it is done between requests instead
    console, gate, summary, started = Console(), Gate(), Summary(), time.monotonic()
    total = sum(len([*cases()]) for cases in CLASSES.values()) + given.generated + given.valid
    asked = requests(given.generated, given.valid)
    for number, one in enumerate(track(asked, "Requests", total=total, console=console)):
        summary.post(gate, one)
        if number % 1000 == 0:
            gc.collect()
    best = {name: way.at_best(gate) for name, way in summary.ways.items() if way.times}
    gate.close()
    return _report(console, summary, best, time.monotonic() - started)


def _report(console: Console, summary: Summary, best: dict[str, tuple[float, str]], seconds: float) -> int:
    table = Table("ended", "requests", "median", "slowest", "which", title="Hostile requests, and valid ones")
    for name, (slowest, which) in best.items():
        times = summary.ways[name].times
        table.add_row(name, f"{len(times):,}", f"{statistics.median(times):.2f} ms", f"{slowest:.2f} ms", which)
    console.print(table)
    by_hand, made, fine = summary.counts.values()
    console.print(
        f"{by_hand} requests by hand in {len(CLASSES)} classes, {made:,} generated, {fine:,} valid ones; "
        f"{len(summary.wrong)} ended otherwise than they should. In {seconds:.0f} s."
    )
    for which, how in [*summary.wrong.items()][:5]:
        console.print(f"{which}: {how}", markup=False)
    slow = [which for which in ("refused",) if which in best and best[which][0] >= TARGET]
    if slow:
        console.print(f"[red]A request took more than {TARGET:g} ms of CPU to be refused.[/red]")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(_figures(summary, best, seconds), indent=2))
    return 1 if summary.wrong or slow else 0


def _figures(summary: Summary, best: dict[str, tuple[float, str]], seconds: float) -> dict[str, object]:
    return {
        **{name.replace(" ", "_"): count for name, count in summary.counts.items()},
        "classes": len(CLASSES),
        "wrong": summary.wrong,
        "ended": {name: len(way.times) for name, way in summary.ways.items()},
        "slowest_ms": {name: round(slowest, 3) for name, (slowest, _) in best.items()},
        "target_ms_to_refuse": TARGET,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
