"""The pages and the picture of the benchmark say what was recorded."""

import json

from dev.benchmarks.events.figures import figures_of
from dev.benchmarks.events.scenarios import backlogs, live_scenarios
from docs import benchmark_pages, benchmark_picture
from tests.documentation.pages import text_of

BACKLOG = 20_000
"""Events of each of the large recorded backlogs."""


def test_the_pages_are_written_from_the_recorded_run() -> None:
    recording = dict(benchmark_pages.recording())
    page = text_of("docs/cost.md")
    assert page == benchmark_pages.cost(page, recording), "run `make docs`"
    page = text_of("docs/performance.md")
    assert page == benchmark_pages.performance(page, recording), "run `make docs`"


def test_the_picture_is_that_of_the_recorded_run() -> None:
    wanted = benchmark_picture.fingerprint(text_of("docs/bench.json"))
    assert f"<title>{wanted}</title>" in text_of("docs/benchmark.svg"), "run `make docs`"


def test_the_recorded_run_has_every_scenario_at_its_full_size() -> None:
    recording = dict(benchmark_pages.recording())
    events, waited = recording["events"], recording["backlog"]
    assert waited["backlog"] == BACKLOG
    assert list(events["scenarios"]) == [one.name for one in live_scenarios()]
    assert list(waited["scenarios"]) == [one.name for one in backlogs(BACKLOG)]
    assert events["scenarios"]["burst, 20 events/s"]["billing mirror"]["floor"] == 190
    assert waited["scenarios"]["backlog, distinct objects"]["billing mirror"]["events"] == BACKLOG
    assert set(benchmark_picture.ROWS) < set(benchmark_pages.measured(recording))


def test_each_recorded_goal_has_our_figure_beside_the_others() -> None:
    recording = benchmark_pages.recording()
    for what, scenarios in (("events", live_scenarios()), ("backlog", backlogs(BACKLOG))):
        goals = {one.name: one.goals for one in scenarios}
        wanted = [
            figure.record(name)
            for name, by in recording[what]["scenarios"].items()
            for figure in figures_of(by, goals[name])
            if figure.goal is not None and figure.measured is not None
        ]
        assert recording[what]["goals"] == wanted


def test_each_goal_of_ingest_is_recorded_beside_naive_s_figure() -> None:
    recording = json.loads(text_of("docs/bench.json"))["ingest"]
    by = recording["milliseconds"]
    shown = [(goal["billing mirror"], goal["naive"]) for goal in recording["goals"]]
    assert shown == [(by["billing mirror"][what], by["naive"][what]) for what in by["naive"]]
    missed = [goal["figure"] for goal in recording["goals"] if goal["ratio"] > goal["goal"]]
    assert missed == [sentence.partition(" is ")[0] for sentence in recording["missed"]]


def test_a_client_of_our_own_would_not_reach_the_goal() -> None:
    recording = dict(benchmark_pages.recording())
    assert 0 < benchmark_pages.saved_by_client(recording) < 1
    assert benchmark_pages.left_by_client(recording) > benchmark_pages.CPU_GOAL


def test_sums_that_the_prose_names_are_those_of_the_recording() -> None:
    recording = benchmark_pages.recording()
    month = recording["idle"]["usd_per_month"]
    idle, quiet = f"{sum(month.values()):.2f}", f"{sum(month.values()) - month['alarms']:.2f}"
    alone = f"{sum(recording['events']['usd_per_million']['burst, 5 events/s']['billing mirror'].values()):.2f}"
    assert f"{idle} USD a month without events, and {alone} USD a million events that come alone" in text_of(
        "docs/comparison.md"
    )
    performance = text_of("docs/performance.md").replace("\n", " ")
    assert f"An idle stack costs {idle} USD a month" in performance
    assert f"`Monitoring=off` leaves {quiet}" in performance


def test_our_functions_stored_every_event_of_the_recorded_run() -> None:
    for name, by in benchmark_pages.measured(dict(benchmark_pages.recording())).items():
        ours = by["billing mirror"]
        assert (ours["finished"], ours["unstored"], ours["quarantined"], ours["errors"]) == (True, 0, 0, []), name
