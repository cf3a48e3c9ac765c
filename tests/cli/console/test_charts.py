"""Charts as geometry: where values, thresholds and marks are, and what they say in words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror_cli.console.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Chart,
    Kind,
    Limit,
    Line,
    Points,
    Unit,
    Window,
    draw,
    duration,
)

HOUR = Window(1_800_000_000.0, 1_800_003_600.0, 60.0)
START, END = HOUR.start, HOUR.end


def chart(*lines: Points, kind: Kind = Kind.LINES, limit: float | None = None, unit: Unit = Unit.SECONDS) -> Chart:
    return Chart(
        name="lag",
        title="Lag",
        meaning="",
        unit=unit,
        kind=kind,
        lines=[Line(f"line {number}", points) for number, points in enumerate(lines)],
        limit=None if limit is None else Limit(limit, "alarm"),
    )


def test_a_window_goes_from_edge_to_edge() -> None:
    (curve,) = draw(chart([(START, 0.0), (END, 10.0)]), HOUR).curves
    (first, _), (last, height) = [(x, y) for x, y, _ in curve.dots]
    assert (first, last) == (LEFT, RIGHT)
    assert TOP < height < BOTTOM


def test_values_outside_the_window_are_not_drawn() -> None:
    drawn = draw(chart([(START - 60, 5.0), (START, 1.0), (END + 60, 9.0)]), HOUR)
    assert [time for time, _ in drawn.table] == ["2027-01-15 08:00:00"]
    assert drawn.legend[0].value == "1 s"


def test_a_threshold_is_inside_the_chart_however_small_the_values_are() -> None:
    drawn = draw(chart([(START, 0.2)], limit=300.0), HOUR)
    assert drawn.limit is not None
    assert TOP <= drawn.limit.at < BOTTOM
    assert (drawn.limit.text, drawn.summary) == ("alarm", "line 0: 0.2 s at the end, 0.2 s at most. alarm.")


def test_a_line_is_interrupted_where_values_are_missing() -> None:
    points = [(START, 1.0), (START + 60, 1.0), (START + 600, 1.0)]
    (curve,) = draw(chart(points), HOUR).curves
    assert [step[0] for step in curve.path.split(" ") if step[0].isalpha()] == ["M", "L", "M"]


def test_a_logarithmic_chart_shows_a_tenth_of_a_second_and_five_minutes() -> None:
    (curve,) = draw(chart([(START, 0.1), (START + 60, 300.0)], kind=Kind.CURVES), HOUR).curves
    (_, low, _), (_, high, _) = curve.dots
    assert low == BOTTOM
    assert high < (TOP + BOTTOM) / 2


def test_bars_are_stacked_and_counted() -> None:
    drawn = draw(chart([(START, 3.0)], [(START, 1.0), (END, 2.0)], kind=Kind.BARS, unit=Unit.COUNT), HOUR)
    first, above, later = drawn.bars
    assert first.y + first.height == BOTTOM
    assert above.y + above.height == pytest.approx(first.y)
    assert later.style == 1
    assert first.height == pytest.approx(3 * above.height, rel=0.02)
    assert [(one.name, one.value) for one in drawn.legend] == [("line 0", "3"), ("line 1", "3")]
    assert drawn.table[0] == ("2027-01-15 09:00:00", ["", "2"])


def test_counts_have_no_halves() -> None:
    drawn = draw(chart([(START, 2.0)], kind=Kind.BARS, unit=Unit.COUNT), HOUR)
    assert [tick.text for tick in drawn.values] == ["0", "1", "2"]


def test_a_chart_without_values_says_so() -> None:
    drawn = draw(replace(chart([]), without="None found."), HOUR)
    assert drawn.is_empty
    assert drawn.summary == "None found."


@pytest.mark.parametrize("seconds", [900, 10_800, 86_400, 604_800, 2_592_000])
def test_marks_of_time_are_few_and_within_the_window(seconds: float) -> None:
    times = draw(chart([]), Window(END - seconds, END, 60.0)).times
    assert 3 <= len(times) <= 6
    assert len({tick.text for tick in times}) == len(times)
    assert all(LEFT <= tick.at <= RIGHT for tick in times)


@given(
    st.lists(st.tuples(st.floats(START, END), st.floats(0, 1e12)), max_size=20).map(sorted),
    st.sampled_from(Kind),
    st.none() | st.floats(1, 1e9),
)
def test_nothing_is_drawn_outside(points: Points, kind: Kind, limit: float | None) -> None:
    drawn = draw(chart(points, kind=kind, limit=limit), HOUR)
    heights = [y for curve in drawn.curves for _, y, _ in curve.dots] + [tick.at for tick in drawn.values]
    heights += [bar.y for bar in drawn.bars] + [drawn.limit.at if drawn.limit else TOP]
    assert [y for y in heights if not TOP - 0.1 <= y <= BOTTOM + 0.1] == []
    assert len(drawn.values) <= 12


def test_durations_in_words() -> None:
    assert [duration(one) for one in (0.0, 0.004, 0.4, 9.25, 12.5, 190.0)] == [
        "0 s", "4 ms", "0.4 s", "9.2 s", "12 s", "3 min",
    ]  # fmt: skip
