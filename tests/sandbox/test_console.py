"""The console's health page on the deployed bundle: its charts have the metrics that the functions emit."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from billing_mirror_cli.console.charts import Drawing
from billing_mirror_cli.console.monitoring import WINDOWS, draw_health, window_of
from billing_mirror_cli.health.facts import read_facts
from billing_mirror_cli.output import Output
from billing_mirror_cli.stack.session import Session

from .conftest import Bundle, eventually

CHARTS = {"lag", "queue", "outcomes", "events", "age-activity", "age-configuration", "age-catalog"}
"""Those that have values on every stack; drift need not be found."""


def test_each_chart_of_health_has_values(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".sandbox").mkdir()
    known = {**asdict(bundle.endpoints), "api_key": "rk_test_standin"}
    (tmp_path / ".sandbox" / "endpoints.json").write_text(json.dumps(known))
    monkeypatch.chdir(tmp_path)
    session = Session(stack=None, sandbox=True, scope=None, region=None, output=Output(as_json=True))
    product = bundle.stripe.create("product", {"name": "Pens"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    bundle.tick()

    def drawn() -> dict[str, Drawing]:
        charts = draw_health(session, read_facts(session), window_of(WINDOWS[0], session.now() + 60))
        return {one.chart.name: one for one in charts}

    eventually(lambda: all(not drawn()[name].is_empty for name in CHARTS))
    assert {name for name, one in drawn().items() if one.is_empty} - {"drift"} == set()
