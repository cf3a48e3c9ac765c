"""What does a run of a scenario show: each variant's figures, beside the least possible and what was promised?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dev.benchmarks.events.model.stack import OURS, SEQUENTIAL
from dev.benchmarks.events.prices import per_million
from dev.benchmarks.events.scenarios import Goals
from dev.benchmarks.events.units import OF_OBJECTS

Json = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``floor`` is the least possible; ``ratio`` is ours, relative to it or to naive's."""

    what: str
    values: Mapping[str, float | None]
    """By variant; None where it has no such figure."""
    digits: int
    floor: float | None = None
    ratio: float | None = None
    goal: float | None = None
    of_ratio: bool = False
    """Whether the goal is one of the ratio."""
    sentence: str = ""
    """How a missed goal names the figure."""

    @property
    def measured(self) -> float | None:
        """What the goal bounds."""
        return self.ratio if self.of_ratio else self.values[OURS.name]

    def record(self, scenario: str) -> Json:
        """The line as the file of figures has it."""
        return {
            "scenario": scenario,
            "figure": self.what,
            **self.values,
            "floor": self.floor,
            "ratio": self.ratio,
            "goal": self.goal,
            "goal_of": "ratio" if self.of_ratio else "figure",
        }


def figures_of(by: Mapping[str, Json], goals: Goals) -> Iterator[Figure]:
    """The figures of a scenario, by what each variant took."""
    ours = by[OURS.name]
    floor, requests = ours["floor"], _each(by, "requests")
    bound = goals.requests if goals.requests is not None else goals.per_floor and round(floor * goals.per_floor)
    yield Figure("requests", requests, 0, floor, _ratio(ours["requests"], floor), bound, sentence="requests")
    if goals.writes is not None:
        written = "write units of objects"
        yield Figure(written, _each_written(by), 0, goal=goals.writes, sentence=written)
    if ours["p99"] is not None:
        yield Figure("event to stored, p50, s", _each(by, "p50"), 2)
        yield Figure("event to stored, p99, s", _each(by, "p99"), 2, goal=goals.p99, sentence="p99")
        if goals.per_ideal is not None:
            ideal, name = ours["ideal"], "seconds, relative to the ideal"
            ratio = _ratio(ours["seconds"], ideal)
            yield Figure("all stored after, s", _each(by, "seconds"), 1, ideal, ratio, goals.per_ideal, True, name)
    refused = {who: 100 * float(one["refused"]) for who, one in by.items()}
    yield Figure("refused, % of requests", refused, 1, goal=goals.refused, sentence="percentage refused")
    if ours["events"]:
        cpu = {who: 1000 * one["process"]["cpu"] / max(1, one["events"]) for who, one in by.items()}
        ratio, name = _ratio(cpu[OURS.name], cpu[SEQUENTIAL.name]), "processor time, relative to naive"
        yield Figure("process, CPU ms an event", cpu, 1, None, ratio, goals.cpu, True, name)
    if goals.usd is not None:
        usd = {who: sum(per_million(one).values()) for who, one in by.items()}
        yield Figure("USD a million events", usd, 2, goal=goals.usd, sentence="USD a million events")


def _each(by: Mapping[str, Json], name: str) -> dict[str, float | None]:
    return {who: one[name] for who, one in by.items()}


def _each_written(by: Mapping[str, Json]) -> dict[str, float | None]:
    return {who: sum(one["write_units"].get(kind, 0) for kind in OF_OBJECTS) for who, one in by.items()}


def _ratio(value: float, least: float) -> float | None:
    return value / least if least else None
