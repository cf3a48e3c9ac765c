"""The two templates as data, and queries that several tests share."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
BUNDLE: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
MONITORING: dict[str, Any] = cfn_yaml.load(str(ROOT / "ops" / "template.yaml"))
SCHEMA: dict[str, Any] = cfn_yaml.load(str(ROOT / "ops" / "schema.yaml"))
FUNCTIONS = {"ingest": "IngestFunction", "process": "ProcessFunction", "reconcile": "ReconcileFunction"}
EVERY_FUNCTION = {**FUNCTIONS, "changes": "ChangesFunction"}
"""With the one that only some stacks have."""


def properties(name: str, template: dict[str, Any] = BUNDLE) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def of_type(kind: str, template: dict[str, Any] = BUNDLE) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return list(policy["Statement"])


def listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def environment(function: str) -> dict[str, Any]:
    """A function's environment variables after SAM has merged its globals."""
    shared: dict[str, Any] = BUNDLE["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **properties(EVERY_FUNCTION[function])["Environment"]["Variables"]}


DASHBOARDS = ("Dashboard", "ChangesDashboard")


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard that CloudWatch receives, with every ``${Name}`` replaced by the name."""
    body = properties(name, MONITORING)["DashboardBody"]["Fn::Sub"]
    parsed: dict[str, Any] = json.loads(re.sub(r"\$\{([^}]+)\}", r"\1", body))
    return parsed


def charted_metrics(name: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric on a dashboard; "..." repeats the previous metric."""
    for widget in dashboard(name)["widgets"]:
        before: list[str] = []
        for line in widget["properties"]["metrics"]:
            words = [word for word in line if isinstance(word, str)]
            words = before if words == ["..."] else words
            before = words
            yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))
