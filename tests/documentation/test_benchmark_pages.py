"""The pages and the picture of the benchmark say what was recorded."""

import json

from dev.benchmarks.events.figures import figures_of
from dev.benchmarks.events.scenarios import all_scenarios
from docs import benchmark_pages, benchmark_picture
from tests.documentation.pages import text_of


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
    recording = json.loads(text_of("docs/bench.json"))
    assert set(benchmark_picture.ROWS) < set(recording["events"]["scenarios"])
    assert recording["events"]["scenarios"]["burst, 20 events/s"]["billing mirror"]["floor"] == 190


def test_each_recorded_goal_has_our_figure_beside_the_others() -> None:
    recording = json.loads(text_of("docs/bench.json"))["events"]
    goals = {one.name: one.goals for one in all_scenarios(recording["backlog"])}
    wanted = [
        figure.record(name)
        for name, by in recording["scenarios"].items()
        for figure in figures_of(by, goals[name])
        if figure.goal is not None and figure.measured is not None
    ]
    assert recording["goals"] == wanted


def test_each_goal_of_ingest_is_recorded_beside_naive_s_figure() -> None:
    recording = json.loads(text_of("docs/bench.json"))["ingest"]
    by = recording["milliseconds"]
    shown = [(goal["billing mirror"], goal["naive"]) for goal in recording["goals"]]
    assert shown == [(by["billing mirror"][what], by["naive"][what]) for what in by["naive"]]
    missed = [goal["figure"] for goal in recording["goals"] if goal["ratio"] > goal["goal"]]
    assert missed == [sentence.partition(" is ")[0] for sentence in recording["missed"]]


def test_a_client_of_our_own_would_not_reach_the_goal() -> None:
    recording = dict(benchmark_pages.recording())
    naive = recording["events"]["scenarios"]["lone events"]["naive"]
    goal = benchmark_pages.CPU_GOAL * naive["process"]["cpu"] / naive["events"] * 1000
    assert benchmark_pages.left_by_client(recording) > goal
