"""How do live events fare beside what people would write instead, and beside the least that is possible?"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev.benchmarks.events.figures import Figure, figures_of
from dev.benchmarks.events.measurement import Measured, medians
from dev.benchmarks.events.model.stack import VARIANTS, Json, running
from dev.benchmarks.events.prices import per_million
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, Scenario, all_scenarios
from dev.benchmarks.result import Result, table
from dev.sandbox import ministack

PATIENCE, PATIENCE_WITH_NAIVE = 180.0, 70.0
"""Seconds after the last change for which ours, or a naive variant, may go on."""


def run(
    backlog: int = 1000,
    scale: float = 1.0,
    rounds: int = 1,
    names: Sequence[str] = (),
    *,
    patience_with_naive: float = PATIENCE_WITH_NAIVE,
) -> Result:
    """The variants work side by side, each on its own events, so that other load affects all of them alike."""
    scenarios = [one for one in all_scenarios(backlog, scale) if not names or one.name in names]
    runs: dict[str, dict[str, list[Json]]] = {one.name: {} for one in scenarios}
    os.environ.update(ministack.CREDENTIALS)
    with contextlib.ExitStack() as ending:
        folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="billing-mirror-bench-"))
        emulator = ministack.start(Path(folder))
        ending.callback(ministack.stop, emulator.pid)
        stacks = [
            Measured(
                ending.enter_context(running(variant, emulator.endpoint, ANSWER_SECONDS)),
                PATIENCE if variant.is_ours else patience_with_naive,
            )
            for variant in VARIANTS
        ]
        pool = ending.enter_context(ThreadPoolExecutor(len(stacks)))
        for scenario in scenarios * rounds:
            figures = pool.map(lambda one, scenario=scenario: one.run(scenario), stacks)
            for one, found in zip(stacks, figures, strict=True):
                runs[scenario.name].setdefault(one.stack.variant.name, []).append(found)
    return _result(scenarios, {name: {who: medians(all_) for who, all_ in by.items()} for name, by in runs.items()})


def _result(scenarios: Sequence[Scenario], figures: dict[str, dict[str, Json]]) -> Result:
    """The table, the figures of each variant, and each figure with a goal beside its floor and its goal."""
    shown = table("Live events", "scenario", "figure", *(one.name for one in VARIANTS), "floor", "ratio", "goal")
    goals: list[Json] = []
    result = Result(shown, {"answer_seconds": ANSWER_SECONDS, "scenarios": figures, "goals": goals})
    for scenario in scenarios:
        by = figures[scenario.name]
        shown.add_section()
        for number, figure in enumerate(figures_of(by, scenario.goals)):
            shown.add_row("" if number else scenario.name, *_cells(figure, by))
            if figure.goal is not None and figure.measured is not None:
                goals.append(figure.record(scenario.name))
                result.at_most(f"{scenario.name}: {figure.sentence}", figure.measured, figure.goal)
        if scenario.goals.usd is not None:
            usd = {who: per_million(one) for who, one in by.items()}
            result.figures.setdefault("usd_per_million", {})[scenario.name] = usd
    return result


def _cells(figure: Figure, by: dict[str, Json]) -> list[str]:
    """The line of the table."""
    values = [
        _number(value, figure.digits) + ("" if by[who]["finished"] or figure.digits else ", unfinished")
        for who, value in figure.values.items()
    ]
    floor, ratio = (_number(figure.floor, figure.digits), _number(figure.ratio, 2))
    goal = "" if figure.goal is None else f"≤ {figure.goal:g}{' x' if figure.of_ratio else ''}"
    return [figure.what, *values, "" if figure.floor is None else floor, "" if figure.ratio is None else ratio, goal]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
