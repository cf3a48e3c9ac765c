"""The pages and the picture of the benchmark say what was recorded."""

import json

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
