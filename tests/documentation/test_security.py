"""The page on security names tests that exist and times that the code keeps."""

import re

import pytest

from billing_mirror.core.runs import run
from billing_mirror.core.table import unstorable
from tests.documentation.pages import section, table, text_of
from tests.template.templates import BUNDLE, ROOT, properties

SECURITY = text_of("docs/security.md")
NAMES = sorted(set(re.findall(r"`(test_\w+)`", SECURITY)))


@pytest.mark.parametrize("name", NAMES)
def test_a_named_test_exists(name: str) -> None:
    found = [path for path in (ROOT / "tests").rglob("test_*.py") if f"def {name}(" in path.read_text("utf-8")]
    assert len(found) == 1


def test_each_threat_has_something_that_stops_it_and_a_test() -> None:
    threats = table(SECURITY, "an attacker may")
    assert len(threats) > 10
    assert [threat[0] for threat in threats if not threat[1]] == []
    assert [threat[0] for threat in threats if "`test_" not in threat[2]] == []


def test_times_in_the_data_map_are_those_of_the_code() -> None:
    data = section(SECURITY, "## Data map")
    assert run.KEPT_FOR == unstorable.KEPT_FOR == 400 * 86400
    assert properties("Quarantine")["MessageRetentionPeriod"] == 14 * 86400
    assert "400 days" in data
    assert "up to 14 days" in data
    assert BUNDLE["Parameters"]["TombstoneDays"]["Default"] == 0


def test_every_partition_of_the_state_store_is_in_the_data_map() -> None:
    """docs/architecture.md lists them; those that have a constant of this name are compared with the code."""
    partitions = re.findall(r"`<(?:scope|mode)>#([a-z]+)", section(text_of("docs/architecture.md"), "### State store"))
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "layers" / "billing_mirror").rglob("*.py"))
    assert set(re.findall(r'^(?:\w+_)?PARTITION = "([^"]+)"$', sources, re.MULTILINE)) <= set(partitions)
    data = section(SECURITY, "## Data map")
    assert [name for name in partitions if f"`#{name}" not in data] == []


def test_the_rate_that_a_flood_is_calculated_with_is_the_default() -> None:
    flood = section(SECURITY, "### A flood of forged requests")
    rate = BUNDLE["Parameters"]["WebhookRequestsPerSecond"]["Default"]
    requests = rate * 86400
    assert f"At {rate} requests a second" in flood
    assert f"{requests / 1e6:.1f} million requests" in flood
    assert f"${requests / 1e6:.2f} for the API" in flood
    assert f"${requests * 0.2 / 1e6:.2f} for" in flood
