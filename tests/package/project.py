"""pyproject.toml as data."""

import tomllib
from typing import Any

from tests.template_file import ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]


def classified_versions() -> list[str]:
    """The Python versions that the classifiers name."""
    prefix = "Programming Language :: Python :: "
    found = [line.removeprefix(prefix) for line in PROJECT["classifiers"] if line.startswith(prefix)]
    return [version for version in found if "." in version]
