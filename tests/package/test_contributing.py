"""The pages for contributors name what exists."""

import re

import pytest

from tests.template_file import ROOT

PAGES = ["CONTRIBUTING.md", "SECURITY.md"]
BASES = [ROOT, ROOT / "layers" / "billing_mirror"]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`([a-z_.]+/[a-z0-9_./]*|[a-z_]+\.(?:py|md|yaml))`", text)) - {"dist/"}
    assert named
    missing = {name for name in named if not any((base / name).exists() for base in BASES)}
    # What tools make, and what a catalog file is called beside another that is named in full.
    assert missing <= {"build/venvs", "build/coverage", "v2.py"}


def test_every_name_in_the_guide_is_in_the_code_or_the_templates() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = set(re.findall(r"`([A-Z][A-Za-z]+|[A-Z_]{4,})`", text))
    files = [path for folder in ("layers", "tests") for path in ROOT.glob(f"{folder}/**/*.py")]
    files += [ROOT / "template.yaml", ROOT / "ops" / "template.yaml"]
    code = "\n".join(path.read_text() for path in files)
    assert {"ObjectType", "Job", "ALARM_METRICS"} <= names
    assert [name for name in sorted(names) if not re.search(rf"^\s*(?:class )?{name}\b", code, re.MULTILINE)] == []
