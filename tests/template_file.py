"""The template as data."""

from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]


def resource_properties(logical_id: str) -> dict[str, Any]:
    """The properties of one resource in template.yaml."""
    properties: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))["Resources"][logical_id]["Properties"]
    return properties
