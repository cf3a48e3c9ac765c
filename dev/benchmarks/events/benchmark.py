"""How do live events fare beside what people would write instead, and beside the least that is possible?"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from dev.benchmarks.events.figures import Figure, figures_of
from dev.benchmarks.events.measurement import Measured, medians
from dev.benchmarks.events.model.processor import holds, lambdas_share
from dev.benchmarks.events.model.shipped import memory
from dev.benchmarks.events.model.stack import VARIANTS, Json, Variant, running, table_service
from dev.benchmarks.events.prices import per_million
from dev.benchmarks.events.scenarios import ANSWER_SECONDS, Scenario, backlogs, live_scenarios
from dev.benchmarks.result import Result, table

PATIENCE, PATIENCE_WITH_NAIVE = 180.0, 70.0
"""Seconds for which ours, or a naive variant, may go on after the last change; of a backlog, on top of
what Stripe's limits take."""


def run(
    scale: float = 1.0,
    rounds: int = 1,
    names: Sequence[str] = (),
    *,
    variants: Sequence[Variant] = VARIANTS,
    patience_with_naive: float = PATIENCE_WITH_NAIVE,
) -> Result:
    """Events that come while the functions run."""
    scenarios = [one for one in live_scenarios(scale) if not names or one.name in names]
    return _in_turns("Live events", scenarios, rounds, variants, patience_with_naive)


def run_backlogs(
    events: int,
    names: Sequence[str] = (),
    *,
    variants: Sequence[Variant] = VARIANTS,
    patience_with_naive: float = PATIENCE_WITH_NAIVE,
) -> Result:
    """Backlogs of so many events, once."""
    scenarios = [one for one in backlogs(events) if not names or one.name in names]
    return _in_turns("Backlogs", scenarios, 1, variants, patience_with_naive)


def _in_turns(
    title: str, scenarios: list[Scenario], rounds: int, variants: Sequence[Variant], patience_with_naive: float
) -> Result:
    """Runs each scenario with one variant after the other, so that the machine serves one at a time."""
    with _stacks(variants, patience_with_naive) as stacks:
        runs = [{one.stack.variant.name: one.run(scenario) for one in stacks} for scenario in scenarios * rounds]
    return _result(title, scenarios, medians_by_name(scenarios, runs))


@contextlib.contextmanager
def _stacks(variants: Sequence[Variant], patience_with_naive: float) -> Iterator[Sequence[Measured]]:
    """A running stack of each variant, with one emulator for their tables."""
    with contextlib.ExitStack() as ending:
        endpoint = ending.enter_context(table_service())
        yield [
            Measured(
                ending.enter_context(running(variant, endpoint, ANSWER_SECONDS)),
                PATIENCE if variant.is_ours else patience_with_naive,
            )
            for variant in variants
        ]


def medians_by_name(scenarios: Sequence[Scenario], runs: Sequence[Mapping[str, Json]]) -> dict[str, dict[str, Json]]:
    """The medians of each variant, by scenario. The runs are of all scenarios, and then of all again."""
    count = len(scenarios)
    return {
        one.name: {who: medians([run[who] for run in runs[number::count]]) for who in runs[number]}
        for number, one in enumerate(scenarios)
    }


def _result(title: str, scenarios: Sequence[Scenario], figures: dict[str, dict[str, Json]]) -> Result:
    """The table, the figures of each variant, and each figure with a goal beside its floor and its goal."""
    variants = next(iter(figures.values()), {})
    shown = table(title, "scenario", "figure", *variants, "floor", "ratio", "goal")
    goals: list[Json] = []
    about = {
        "answer_seconds": ANSWER_SECONDS,
        "processor": lambdas_share(memory("ProcessFunction")) if holds() else None,
    }
    result = Result(shown, {**about, "scenarios": figures, "goals": goals})
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
