"""How much CPU a refusal costs: ``python -m tests.hostile [number of generated requests]``.

Checks each request as the tests do; the slowest are tried again, since only their best time is their own.
"""

import gc
import statistics
import sys
import time
import warnings
from collections.abc import Iterator

from . import by_hand_bodies, by_hand_events, by_hand_headers
from .case import CLASSES
from .check import require_right
from .gate import Event, Gate
from .mutations import generated

BY_HAND = (by_hand_bodies, by_hand_events, by_hand_headers)
AGAIN = 20
TARGET = 5.0
"""Milliseconds."""


def requests(count: int) -> Iterator[tuple[str, Event]]:
    for name, cases in CLASSES.items():
        yield from ((f"{name}: {case.name}", case.event) for case in cases())
    yield from ((f"generated {number}", generated(number)) for number in range(count))


def main(count: int) -> None:
    warnings.simplefilter("ignore")
    gc.disable()  # there is far more to go through here than in a function; it is done between requests instead
    gate = Gate()
    spent: dict[str, list[tuple[float, str, Event]]] = {"refused": [], "kept": [], "queued": []}
    started = time.monotonic()
    for name, event in requests(count):
        ended = require_right(gate, event)
        way = "kept" if ended.kept else "queued" if ended.queued else "refused"
        times = spent[way]
        times.append((ended.cpu * 1000, name, event))
        if len(times) % 1000 == 0:
            gc.collect()
            # what is fast need not be kept whole
            times.sort(key=lambda one: -one[0])
            times[AGAIN:] = [(cpu, name, {}) for cpu, name, _ in times[AGAIN:]]
    print(f"{sum(map(len, spent.values())):,} requests, all as they should be, in {time.monotonic() - started:.0f} s")
    for way, times in spent.items():
        times.sort(key=lambda one: -one[0])
        again = [(min(gate.post(event).cpu for _ in range(7)) * 1000, name) for _, name, event in times[:AGAIN]]
        best, slowest = max(again)
        median = statistics.median(cpu for cpu, _, _ in times)
        print(
            f"{way:8} {len(times):7,}   median {median:.3f} ms   slowest {best:.3f} ms at its best of 7,"
            f" {times[0][0]:.3f} ms at first   ({slowest})"
        )
        if way == "refused":
            print(
                f"{'':8} target: below {TARGET:g} ms; {sum(cpu >= TARGET for cpu, _, _ in times)} were above at first"
            )
    gate.close()


main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
