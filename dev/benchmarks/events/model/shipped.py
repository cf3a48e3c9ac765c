"""With which settings is the bundle shipped? Each function's environment and event source, from the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from dev.sandbox.toolchain import ROOT


@dataclass(frozen=True)
class EventSource:
    """How Lambda takes messages from the queue. Times are in seconds."""

    batch_size: int
    window: float
    concurrency: int
    visibility: float
    timeout: float


@cache
def _template() -> dict[str, Any]:
    template: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return template


def _properties(logical_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = _template()["Resources"][logical_id]["Properties"]
    return properties


def default(parameter: str) -> str:
    """The template's value of a parameter."""
    return str(_template()["Parameters"][parameter]["Default"])


def environment(function: str, resources: Mapping[str, str]) -> dict[str, str]:
    """A function's variables. ``resources`` has the values of resources and parameters that are not the defaults."""
    variables = {
        **_template()["Globals"]["Function"].get("Environment", {}).get("Variables", {}),
        **_properties(function)["Environment"]["Variables"],
    }
    return {name: _value(value, resources) for name, value in variables.items()}


def memory(function: str) -> int:
    """A function's megabytes."""
    return int(_properties(function)["MemorySize"])


def event_source(parameters: Mapping[str, str] | None = None) -> EventSource:
    """As the template has it, with other values of some of its parameters."""
    given = parameters or {}
    process = _properties("ProcessFunction")
    source = next(one["Properties"] for one in process["Events"].values() if one["Type"] == "SQS")
    return EventSource(
        int(_value(source["BatchSize"], given)),
        float(_value(source.get("MaximumBatchingWindowInSeconds", 0), given)),
        int(_value(source["ScalingConfig"]["MaximumConcurrency"], given)),
        float(_value(_properties("Queue")["VisibilityTimeout"], given)),
        float(_value(process["Timeout"], given)),
    )


def indexes() -> dict[str, tuple[str, ...]]:
    """The key columns of each index of the table."""
    found = _properties("Table")["GlobalSecondaryIndexes"]
    return {str(one["IndexName"]): tuple(str(key["AttributeName"]) for key in one["KeySchema"]) for one in found}


def _value(value: Any, resources: Mapping[str, str]) -> str:  # noqa: ANN401 - a value of the template
    if not isinstance(value, dict):
        return str(value)
    if "Fn::If" in value:
        return _value(value["Fn::If"][1], resources)  # a new stack makes what it needs
    name = str(next(iter(value.values())))
    return resources[name] if name in resources else default(name)
