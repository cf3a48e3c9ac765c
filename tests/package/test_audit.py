"""`make audit` covers every lock, explains every exception, and knows every licence."""

import re
from importlib.metadata import metadata

import pytest

from dev.audit.licences import ACCEPTED, LOCK, licences_of, locked
from tests.template_file import ROOT

CHECKOV = (ROOT / ".checkov.yaml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", sorted(locked(LOCK)))
def test_the_licence_of_a_package_in_the_layer_is_accepted(name: str) -> None:
    assert licences_of(metadata(name).json) <= ACCEPTED


def test_a_licence_that_was_not_accepted_is_found() -> None:
    about: dict[str, str | list[str]] = {
        "classifier": ["License :: OSI Approved :: GNU Affero General Public License v3"]
    }
    assert licences_of(about) - ACCEPTED
    assert licences_of({}) - ACCEPTED
    assert licences_of({"license_expression": "MIT OR GPL-3.0-only"}) - ACCEPTED == {"GPL-3.0-only"}


def test_each_check_that_is_left_out_has_a_reason_above_it() -> None:
    left_out = CHECKOV.partition("skip-check:\n")[2].splitlines()
    checks = [number for number, line in enumerate(left_out) if line.startswith("  - CKV")]
    assert len(checks) > 3
    assert [left_out[number] for number in checks if not left_out[number - 1].startswith("  # ")] == []


def test_all_templates_are_checked() -> None:
    assert "file: [template.yaml, ops/template.yaml, ops/schema.yaml, ops/deployer.yaml]" in CHECKOV


def test_every_lock_is_audited_and_nothing_passes_unaudited() -> None:
    assert "LOCKS = layers/dependencies/requirements.txt $(wildcard dev/requirements/*.txt)" in MAKEFILE
    assert re.search(r"pip-audit --strict --require-hashes", MAKEFILE)


def test_ci_audits_each_week() -> None:
    workflow = (ROOT / ".github" / "workflows" / "audit.yml").read_text()
    assert "- run: make audit" in workflow
    assert "schedule:" in workflow
    assert "secrets" not in workflow
