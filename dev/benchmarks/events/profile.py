"""Where do a millisecond and a cent of a lone event go?"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dev.benchmarks.events import signed_client
from dev.benchmarks.events.measurement import Measured
from dev.benchmarks.events.model.shipped import event_source
from dev.benchmarks.events.model.stack import OURS, Json, running, table_service
from dev.benchmarks.events.prices import by_call
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, lone_events
from dev.benchmarks.events.steps import OF_INGEST, OF_PROCESS, VARIABLE
from dev.benchmarks.result import Result, table

PAUSE = 0.4
"""Seconds between two events: each is stored before the next."""
PATIENCE = 60.0
REST = "the rest"


def run(events: int = 100) -> Result:
    """Each container has worked on events before the figures are taken."""
    with contextlib.ExitStack() as ending:
        endpoint = ending.enter_context(table_service())
        variant = replace(OURS, environment=((VARIABLE, "on"),))
        measured = Measured(ending.enter_context(running(variant, endpoint, ANSWER_SECONDS)), PATIENCE)
        measured.run(lone_events(4 * event_source().concurrency, PAUSE))
        figures = measured.run(lone_events(events, PAUSE))
        return _result(figures, signed_client.saved(endpoint))


def _result(figures: Json, saved: Mapping[str, float]) -> Result:
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
    shown.add_section()
    shown.add_row("saved by a signed client", "")
    for operation, value in saved.items():
        shown.add_row(f"  a call of {operation}", f"{value:.2f}")
    calls = sum(figures["process"]["calls"].values()) / figures["events"]
    return Result(
        shown,
        {
            "calls_of_aws": calls,
            "milliseconds": milliseconds,
            "saved_by_signed_client": dict(saved),
            "cents_a_million": cents,
        },
    )


def _milliseconds(function: Json, steps: Sequence[str], events: int) -> dict[str, float]:
    """Processor time of an event by step."""
    known = {step: function["steps"].get(step, 0.0) for step in steps}
    rest = function["cpu"] - sum(known.values())
    return {step: 1000 * seconds / events for step, seconds in {**known, REST: rest}.items()}
