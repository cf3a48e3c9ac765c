"""The figures of docs/cost.md are those of the code."""

import re

import pytest

from billing_mirror.adapters.table.attributes import stored_object, to_attributes
from billing_mirror.core import json_body
from billing_mirror.core.changes.change import change_between
from billing_mirror.core.changes.history import entry
from billing_mirror_cli.console import monitoring
from dev.benchmarks import changes_calls
from dev.benchmarks.changes import SAMPLES, Cost, costs, item_of
from dev.benchmarks.events.model.ledger import size_of
from tests.template_file import ROOT

PAGE = (ROOT / "docs" / "cost.md").read_text()


@pytest.mark.parametrize("cost", [*costs()], ids=lambda one: one.type)
def test_a_change_takes_the_bytes_that_are_shown(cost: Cost) -> None:
    """Within a twentieth: another release of zlib compresses otherwise."""
    found = re.search(rf"^\| `{re.escape(cost.type)}` \|(.*)\|$", PAGE, re.MULTILINE)
    assert found is not None
    shown = [int(number.replace(",", "")) for number in found[1].split("|")]
    assert shown == pytest.approx([cost.body, cost.created, cost.updated, cost.entry], rel=0.05)


def test_the_calls_of_a_change_are_those_that_are_shown() -> None:
    for line in changes_calls.calls():
        assert f"\n{line}\n" in PAGE


def test_the_parts_of_a_change_cost_what_is_shown() -> None:
    """Within a twentieth, as the bytes; and a cent, where it shows no more."""
    for line in changes_calls.usd():
        name, *amounts = _cells(line)
        shown = next(cells for cells in map(_cells, PAGE.splitlines()) if cells[0] == name and "." in cells[-1])
        assert [float(one) for one in shown[1:]] == pytest.approx([float(one) for one in amounts], rel=0.05, abs=0.011)


def test_the_entry_of_a_write_that_changed_nothing_takes_one_write_unit() -> None:
    body = json_body.parse((SAMPLES / "invoice.json").read_text())
    before, after = (stored_object(item_of(body, token)) for token in (1, 2))
    made = entry(before, after, change_between(before, after), days=400)
    assert made is not None
    assert made.change is None
    size = size_of(to_attributes({**made.to_item(), "pk": f"live#{body['id']}", "sk": made.sort_key}))
    assert size < changes_calls.UNIT_WRITTEN


def test_the_page_about_health_asks_for_the_metrics_that_are_shown() -> None:
    assert f"asks CloudWatch for {len(monitoring.WANTED)} metrics" in PAGE


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_comparison_shows_the_same_sums() -> None:
    (events, idle) = re.findall(r"^\| in all \|(.*)\|$", PAGE, re.MULTILINE)
    (each_month,) = re.findall(r"[\d.]+", idle)
    alone = re.findall(r"[\d.]+", events)[3]
    comparison = (ROOT / "docs" / "comparison.md").read_text()
    assert f"{each_month} USD a month without events, and {alone} USD a million events that come alone" in comparison
