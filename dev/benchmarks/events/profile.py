"""Where do a millisecond and a cent of a lone event go?"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dev.benchmarks.events.measurement import Measured
from dev.benchmarks.events.model.shipped import event_source
from dev.benchmarks.events.model.stack import OURS, Json, running
from dev.benchmarks.events.prices import by_call
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, lone_events
from dev.benchmarks.events.steps import OF_INGEST, OF_PROCESS, VARIABLE
from dev.benchmarks.result import Result, table
from dev.sandbox import ministack

PAUSE = 0.4
"""Seconds between two events: each is stored before the next."""
PATIENCE = 60.0
REST = "the rest"


def run(events: int = 100) -> Result:
    """Each container has worked on events before the figures are taken."""
    os.environ.update(ministack.CREDENTIALS)
    with contextlib.ExitStack() as ending:
        folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="billing-mirror-bench-"))
        emulator = ministack.start(Path(folder))
        ending.callback(ministack.stop, emulator.pid)
        variant = replace(OURS, environment=((VARIABLE, "on"),))
        measured = Measured(ending.enter_context(running(variant, emulator.endpoint, ANSWER_SECONDS)), PATIENCE)
        measured.run(lone_events(4 * event_source().concurrency, PAUSE))
        return _result(measured.run(lone_events(events, PAUSE)))


def _result(figures: Json) -> Result:
    milliseconds = {
        name: _milliseconds(figures[name], steps, figures["events"])
        for name, steps in (("ingest", OF_INGEST), ("process", OF_PROCESS))
    }
    cents = {service: {what: 100 * usd for what, usd in calls.items()} for service, calls in by_call(figures).items()}
    shown = table("A lone event: CPU ms, and cents a million", "step or call", "ms or cents")
    for name, values in {**milliseconds, **cents}.items():
        shown.add_section()
        shown.add_row(name, f"{sum(values.values()):.2f}")
        for what, value in values.items():
            shown.add_row(f"  {what}", f"{value:.2f}")
    calls = sum(figures["process"]["calls"].values()) / figures["events"]
    return Result(shown, {"calls_of_aws": calls, "milliseconds": milliseconds, "cents_a_million": cents})


def _milliseconds(function: Json, steps: Sequence[str], events: int) -> dict[str, float]:
    """Processor time of an event by step."""
    known = {step: function["steps"].get(step, 0.0) for step in steps}
    rest = function["cpu"] - sum(known.values())
    return {step: 1000 * seconds / events for step, seconds in {**known, REST: rest}.items()}
