"""A chart as geometry: from values over time to what a template writes as SVG, as sentences and as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import accumulate

from ..words import DAY, HOUR, MINUTE, age

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 48, 352, 12, 146
"""The edges of what is drawn, in the units of the view box."""
_MOST_TICKS = 6
_SECONDS = (1, 5, 10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
_STEPS = (*_SECONDS, *(days * DAY for days in (1, 2, 7, 14, 30)))
"""Steps of time that people count in, in seconds."""
_DECADES = (0.001, 0.01, 0.1, 1, 10, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, DAY, 10 * DAY, 100 * DAY)
_LEAST = 0.001
"""What a logarithmic scale shows at least."""
_GAP = 2.5
"""Periods without a value after which a line is interrupted."""


class Unit(StrEnum):
    """What the values are."""

    SECONDS = "seconds"
    COUNT = "count"

    def words(self, value: float) -> str:
        return duration(value) if self is Unit.SECONDS else f"{value:,.0f}"


class Kind(StrEnum):
    """How the values are drawn. The scale of ``CURVES`` is logarithmic: it shows 0.1 s and 5 min at once."""

    LINES = "lines"
    CURVES = "curves"
    BARS = "bars"


Points = Sequence[tuple[float, float]]
"""Time (seconds since 1970) and value, the oldest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """Values by time."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that should not be exceeded, and what happens then."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a chart shows, in seconds since 1970, and the seconds of one value."""

    start: float
    end: float
    period: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is to be drawn. ``meaning`` is a sentence for people who see the chart for the first time."""

    name: str
    title: str
    meaning: str
    unit: Unit
    kind: Kind
    lines: Sequence[Line]
    limit: Limit | None = None
    without: str = "No values in this time."
    """What is said where there is nothing to draw."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark at an axis, at its coordinate."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a bar; ``style`` is the number of its line."""

    x: float
    y: float
    width: float
    height: float
    style: int
    title: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line as an SVG path, with a dot for each value where they are few."""

    path: str
    style: int
    dots: Sequence[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Legend:
    """A line's name and its value: the newest, or the sum of bars."""

    name: str
    value: str
    style: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart with the coordinates of all its parts."""

    chart: Chart
    times: Sequence[Tick]
    values: Sequence[Tick]
    bars: Sequence[Bar]
    curves: Sequence[Curve]
    limit: Tick | None
    legend: Sequence[Legend]
    summary: str
    table: Sequence[tuple[str, Sequence[str]]]
    """A time and the value of each line, the newest first."""

    @property
    def is_empty(self) -> bool:
        return not self.table


def duration(seconds: float) -> str:
    """``4 ms``, ``0.4 s``, ``12 s``, ``3 min``."""
    if 0 < seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds % 1 and seconds < 10 else age(seconds)


def draw(chart: Chart, window: Window) -> Drawing:
    """The chart over a window of time."""
    lines = [
        Line(one.name, [point for point in one.points if window.start <= point[0] <= window.end]) for one in chart.lines
    ]
    x = _across(window)
    bottom, top = _range(chart, lines)
    y = _up(bottom, top, logarithmic=chart.kind is Kind.CURVES)
    stacked = chart.kind is Kind.BARS
    return Drawing(
        chart=chart,
        times=[Tick(x(at), text) for at, text in _time_ticks(window)],
        values=[Tick(y(value), chart.unit.words(value)) for value in _value_ticks(chart, bottom, top)],
        bars=list(_bars(chart, lines, window, x, y)) if stacked else [],
        curves=[]
        if stacked
        else [_curve(chart, number, one, window, x, y) for number, one in enumerate(lines) if one.points],
        limit=Tick(y(chart.limit.value), chart.limit.name) if chart.limit else None,
        legend=[_legend(chart, number, one) for number, one in enumerate(lines) if one.points],
        summary=_summary(chart, lines),
        table=_table(chart, lines),
    )


def _across(window: Window) -> Callable[[float], float]:
    width = window.end - window.start
    return lambda at: round(LEFT + (at - window.start) / width * (RIGHT - LEFT), 1)


def _up(bottom: float, top: float, *, logarithmic: bool) -> Callable[[float], float]:
    def scaled(value: float) -> float:
        return math.log10(max(value, bottom)) if logarithmic else value

    low, high = scaled(bottom), scaled(top)
    return lambda value: round(BOTTOM - (scaled(value) - low) / (high - low) * (BOTTOM - TOP), 1)


def _range(chart: Chart, lines: Sequence[Line]) -> tuple[float, float]:
    """The least and the greatest value of the axis."""
    values = [value for one in lines for _, value in one.points]
    if chart.kind is Kind.BARS:
        values = [sum(parts) for _, parts in _by_time(lines)]
    greatest = max([*values, chart.limit.value if chart.limit else 0.0])
    if chart.kind is Kind.CURVES:
        least = min((value for value in values if value >= _LEAST), default=1.0)
        return 10 ** math.floor(math.log10(least)), max(greatest, least) * 2
    return 0.0, greatest * 1.08 or 1.0


def _value_ticks(chart: Chart, bottom: float, top: float) -> list[float]:
    if chart.kind is Kind.CURVES:
        return [value for value in _DECADES if bottom <= value <= top]
    step = _time_step(top) if chart.unit is Unit.SECONDS else _count_step(top)
    return [number * step for number in range(int(top // step) + 1)]


def _time_step(span: float) -> float:
    return next((step for step in _STEPS if span / step < _MOST_TICKS), span)


def _count_step(top: float) -> float:
    """1, 2 or 5, or a power of ten of them: nothing is counted in halves."""
    decade: float = 1
    while True:
        for digit in (1, 2, 5):
            if top / (digit * decade) < _MOST_TICKS:
                return digit * decade
        decade *= 10


def _time_ticks(window: Window) -> Iterator[tuple[float, str]]:
    span = window.end - window.start
    step = _time_step(span)
    at = math.ceil(window.start / step) * step
    while at <= window.end:
        moment = datetime.fromtimestamp(at, UTC)
        yield at, f"{moment:%H:%M}" if span <= 2 * DAY else f"{moment.day} {moment:%b}"
        at += step


def _by_time(lines: Sequence[Line]) -> list[tuple[float, list[float]]]:
    """The values of all lines at each time; 0 where a line has none."""
    known = [dict(one.points) for one in lines]
    return [(at, [one.get(at, 0.0) for one in known]) for at in sorted({at for one in known for at in one})]


def _bars(
    chart: Chart, lines: Sequence[Line], window: Window, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[Bar]:
    """For each time, the parts of its bar from below."""
    width = max(1.0, x(window.start + window.period) - LEFT - 1)
    for at, parts in _by_time(lines):
        for style, (part, total) in enumerate(zip(parts, accumulate(parts), strict=True)):
            if part:
                above, below = y(total), y(total - part)
                title = f"{_moment(at)}: {lines[style].name} {chart.unit.words(part)}"
                left = max(LEFT, x(at) - width / 2)
                yield Bar(round(left, 1), above, round(width, 1), round(below - above, 1), style, title)


def _curve(
    chart: Chart, style: int, line: Line, window: Window, x: Callable[[float], float], y: Callable[[float], float]
) -> Curve:
    steps, before = [], -math.inf
    for at, value in line.points:
        command = "M" if at - before > _GAP * window.period else "L"
        steps.append(f"{command}{x(at)} {y(value)}")
        before = at
    dots = [(x(at), y(value), f"{_moment(at)}: {line.name} {chart.unit.words(value)}") for at, value in line.points]
    return Curve(" ".join(steps), style, dots)


def _legend(chart: Chart, style: int, line: Line) -> Legend:
    value = sum(value for _, value in line.points) if chart.kind is Kind.BARS else line.points[-1][1]
    return Legend(line.name, chart.unit.words(value), style)


def _summary(chart: Chart, lines: Sequence[Line]) -> str:
    """What the chart shows, in words."""
    words = chart.unit.words
    if chart.kind is Kind.BARS:
        sentences = [f"{one.name}: {words(sum(value for _, value in one.points))}" for one in lines if one.points]
    else:
        sentences = [
            f"{one.name}: {words(one.points[-1][1])} at the end, {words(max(value for _, value in one.points))} at most"
            for one in lines
            if one.points
        ]
    if not sentences:
        return chart.without
    limit = f" {chart.limit.name}." if chart.limit else ""
    return f"{'; '.join(sentences)}.{limit}"


def _table(chart: Chart, lines: Sequence[Line]) -> list[tuple[str, list[str]]]:
    shown = [dict(one.points) for one in lines if one.points]
    times = sorted({at for one in shown for at in one}, reverse=True)
    return [(_moment(at), [chart.unit.words(one[at]) if at in one else "" for one in shown]) for at in times]


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
