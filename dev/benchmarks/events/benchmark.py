"""How do live events fare beside what people would write instead, and beside the least that is possible?"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev.benchmarks.events.measurement import Measured, medians
from dev.benchmarks.events.prices import per_million
from dev.benchmarks.events.scenarios import Scenario, all_scenarios
from dev.benchmarks.events.stack import OURS, VARIANTS, Json, running
from dev.benchmarks.result import Result, table
from dev.sandbox import ministack

ANSWER_SECONDS = 0.08
"""The time that Stripe takes to answer."""
PATIENCE, PATIENCE_WITH_NAIVE = 180.0, 15.0
"""Seconds after the last change for which ours, or a naive variant, may go on."""
BUSY, ALONE = "burst, 50 events/s", "burst, 5 events/s"
MOST_PER_MILLION = {BUSY: 5.0, ALONE: 8.0}
"""USD for a million events, where many come at once and where they come one by one."""


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
    names = [variant.name for variant in VARIANTS]
    shown = table("Live events", "scenario", "figure", *names, "floor", "ratio", "goal")
    result = Result(shown, {"answer_seconds": ANSWER_SECONDS, "scenarios": figures, "goals": []})
    for scenario in scenarios:
        by = figures[scenario.name]
        shown.add_section()
        _requests(result, scenario, by)
        _times(result, scenario, by)
        _add(result, "", "429, % of requests", [_percent(by[name]["refused"]) for name in names])
        cpu = [by[name]["process"]["cpu"] / max(1, by[name]["events"]) * 1000 for name in names]
        if by[OURS.name]["events"]:
            ratio, goal = cpu[0] / (cpu[1] or 1), scenario.goals.cpu
            shown_goal = "" if goal is None else f"≤ {goal:g} x"
            _add(result, "", "process, CPU ms an event", [f"{one:.1f}" for one in cpu], ratio=ratio, goal=shown_goal)
            if goal is not None:
                result.at_most(f"{scenario.name}: processor time, relative to naive", ratio, goal)
        if scenario.name in MOST_PER_MILLION:
            _cost(result, scenario.name, by)
    return result


def _cost(result: Result, scenario: str, by: dict[str, Json]) -> None:
    usd = {name: per_million(figures) for name, figures in by.items()}
    shown = [f"{sum(one.values()):.2f}" for one in usd.values()]
    goal = MOST_PER_MILLION[scenario]
    _add(result, "", "USD a million events", shown, goal=f"≤ {goal:g}")
    result.at_most(f"{scenario}: USD a million events", sum(usd[OURS.name].values()), goal)
    result.figures.setdefault("usd_per_million", {})[scenario] = usd


def _requests(result: Result, scenario: Scenario, by: dict[str, Json]) -> None:
    ours, goals = by[OURS.name], scenario.goals
    floor, requests = ours["floor"], ours["requests"]
    goal = goals.requests if goals.requests is not None else goals.per_floor and floor * goals.per_floor
    shown = [f"{one['requests']:.0f}{'' if one['finished'] else ', unfinished'}" for one in by.values()]
    ratio = requests / floor if floor else None
    _add(result, scenario.name, "requests", shown, str(floor), ratio, "" if goal is None else f"≤ {goal:.0f}")
    if goal is not None:
        result.at_most(f"{scenario.name}: requests", requests, round(goal))
    if goals.refused is not None:
        result.at_most(f"{scenario.name}: share answered 429", ours["refused"], goals.refused)


def _times(result: Result, scenario: Scenario, by: dict[str, Json]) -> None:
    ours, goals = by[OURS.name], scenario.goals
    if ours["p99"] is None:
        return
    for name in ("p50", "p99"):
        shown = ["-" if one[name] is None else f"{one[name]:.2f}" for one in by.values()]
        goal = f"≤ {goals.p99:g}" if name == "p99" and goals.p99 else ""
        _add(result, "", f"event to stored, {name}, s", shown, goal=goal)
    if goals.p99:
        result.at_most(f"{scenario.name}: p99", ours["p99"], goals.p99)
    if goals.per_ideal:
        ideal = ours["ideal"]
        shown = [f"{one['seconds']:.1f}" for one in by.values()]
        ratio = ours["seconds"] / ideal
        _add(result, "", "all stored after, s", shown, f"{ideal:.1f}", ratio, f"≤ {goals.per_ideal:g} x")
        result.at_most(f"{scenario.name}: seconds, relative to the ideal", ratio, goals.per_ideal)


def _add(
    result: Result,
    scenario: str,
    what: str,
    values: Sequence[str],
    floor: str = "",
    ratio: float | None = None,
    goal: str = "",
) -> None:
    shown = "" if ratio is None else f"{ratio:.2f}"
    result.table.add_row(scenario, what, *values, floor, shown, goal)


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"
