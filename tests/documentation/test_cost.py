"""The figures of docs/cost.md are those of the code."""

import re

import pytest

from dev.benchmarks.changes import Cost, costs
from tests.template_file import ROOT

PAGE = (ROOT / "docs" / "cost.md").read_text()


@pytest.mark.parametrize("cost", [*costs()], ids=lambda one: one.type)
def test_a_change_takes_the_bytes_that_are_shown(cost: Cost) -> None:
    """Within a twentieth: another release of zlib compresses otherwise."""
    found = re.search(rf"^\| `{re.escape(cost.type)}` \|(.*)\|$", PAGE, re.MULTILINE)
    assert found is not None
    shown = [int(number.replace(",", "")) for number in found[1].split("|")]
    assert shown == pytest.approx([cost.body, cost.created, cost.updated, cost.entry], rel=0.05)


def test_the_comparison_shows_the_same_sums() -> None:
    (events, idle) = re.findall(r"^\| in all \|(.*)\|$", PAGE, re.MULTILINE)
    (each_month,) = re.findall(r"[\d.]+", idle)
    alone = re.findall(r"[\d.]+", events)[3]
    comparison = (ROOT / "docs" / "comparison.md").read_text()
    assert f"{each_month} USD a month without events, and {alone} USD a million events that come alone" in comparison
