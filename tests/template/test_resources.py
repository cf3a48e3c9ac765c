"""Two stacks can exist side by side, and what holds data outlives its stack."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.templates import BUNDLE, MONITORING


@pytest.mark.parametrize("template", [BUNDLE, MONITORING], ids=["bundle", "monitoring"])
def test_no_resource_has_a_fixed_name(template: dict[str, Any]) -> None:
    # These name something inside their own resource, or a metric: another stack cannot collide with them.
    harmless = {"StageName", "MetricName", "PolicyName", "SchemaName"}
    fixed = [
        f"{name}.{key}"
        for name, resource in template["Resources"].items()
        for key, value in resource.get("Properties", {}).items()
        if key.endswith("Name") and key not in harmless and isinstance(value, str)
    ]
    assert fixed == []


def test_the_nested_stack_gets_exactly_its_parameters() -> None:
    given = BUNDLE["Resources"]["MonitoringStack"]["Properties"]["Parameters"]
    assert set(given) == set(MONITORING["Parameters"])


@pytest.mark.parametrize("template", [BUNDLE, MONITORING], ids=["bundle", "monitoring"])
def test_every_parameter_has_a_description(template: dict[str, Any]) -> None:
    assert [name for name, parameter in template["Parameters"].items() if not parameter.get("Description")] == []


KEPT = ("RetainExceptOnCreate", "Retain")
"""A first deploy that fails deletes what it created."""


def test_only_the_table_and_the_secrets_outlive_the_stack() -> None:
    kept = {name for name, resource in BUNDLE["Resources"].items() if _policies(resource) == KEPT}
    assert kept == {"Table", "SigningSecret", "StripeKey"}


def _policies(resource: dict[str, Any]) -> tuple[str | None, str | None]:
    return resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")


def test_secrets_start_as_a_placeholder() -> None:
    texts = {value for key, value in _walk(BUNDLE["Resources"]) if key == "SecretString"}
    assert texts == {"unset"}


def _walk(node: object) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)
