"""With which settings of the queue and of coalescing are events stored soonest, and for the fewest requests?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from dev.benchmarks.events.benchmark import PATIENCE
from dev.benchmarks.events.measurement import Measured, medians
from dev.benchmarks.events.model.shipped import default, memory
from dev.benchmarks.events.model.stack import OURS, Json, running, table_service
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, backlogs, live_scenarios
from dev.benchmarks.result import Result, table

COALESCING, WINDOW, SIZE = "CoalescingMilliseconds", "BatchingWindowSeconds", "BatchSize"
MEMORY = "MemorySize"
"""Of process: a property of the template, where the others are its parameters."""
SHIPPED: Mapping[str, int] = {name: int(default(name)) for name in (COALESCING, WINDOW, SIZE)} | {
    MEMORY: memory("ProcessFunction")
}
CHANGES: Sequence[Mapping[str, int]] = (
    {},
    {COALESCING: 0},
    {COALESCING: 150},
    {SIZE: 1},
    {WINDOW: 1, SIZE: 50},
    {MEMORY: 1024},
)
"""What each of the compared settings changes of the defaults."""
BACKLOG = 1000
SCENARIOS = (
    "lone events",
    "burst, 20 events/s",
    "ten sign-ups",
    "rate card, 200 rates",
    "one more rate",
    "backlog, 20 events an object",
)


def run(scale: float = 1.0, rounds: int = 1, changes: Iterable[Mapping[str, int]] = CHANGES) -> Result:
    """The requests of each scenario, and the seconds within which 99 of 100 events are stored."""
    with table_service() as endpoint:
        return _result([_measured({**SHIPPED, **one}, endpoint, scale, rounds) for one in changes])


def _measured(setting: Mapping[str, int], endpoint: str, scale: float, rounds: int) -> Json:
    parameters = tuple((name, str(value)) for name, value in setting.items() if name != MEMORY)
    variant = replace(OURS, parameters=parameters, memory=setting[MEMORY])
    scenarios = [one for one in (*live_scenarios(scale), *backlogs(round(BACKLOG * scale))) if one.name in SCENARIOS]
    with running(variant, endpoint, ANSWER_SECONDS) as stack:
        measured = Measured(stack, PATIENCE)
        found = {one.name: medians([measured.run(one) for _ in range(rounds)]) for one in scenarios}
    kept = ("events", "requests", "floor", "p99", "finished", "unstored")
    by = {name: {what: figures[what] for what in kept} for name, figures in found.items()}
    return {"parameters": dict(setting), "scenarios": by}


def _result(measured: list[Json]) -> Result:
    columns = chain.from_iterable((name, "p99 s") for name in SCENARIOS)
    shown = table("Settings: requests, and seconds until stored", ", ".join(SHIPPED), *columns)
    for one in measured:
        cells = [(str(by["requests"]), f"{by['p99']:.2f}") for by in map(one["scenarios"].__getitem__, SCENARIOS)]
        shown.add_row(", ".join(map(str, one["parameters"].values())), *chain.from_iterable(cells))
    return Result(shown, {"settings": measured})
