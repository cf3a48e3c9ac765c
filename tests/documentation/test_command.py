"""docs/command.md, compared with the command."""

import ast
import re
from collections.abc import Iterator

import botocore.session
import pytest

from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.health.findings import Check
from billing_mirror_cli.health.verdict import State
from billing_mirror_cli.stripe.event_types import event_types as shipped
from docs import command_page, event_types
from tests.documentation.pages import first_column, headings, section, table, text_of
from tests.template.templates import ROOT

PAGE = text_of("docs/command.md")


def test_the_help_of_every_verb_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BILLING_MIRROR_STACK", raising=False)
    assert command_page.verbs()
    assert command_page.written(PAGE) == PAGE, "run `make docs`"
    assert headings(section(PAGE, "## Verbs")) == [
        command_page.EVERY,
        *(" ".join(verb) for verb in command_page.verbs()),
    ]


def test_the_exit_codes_are_those_of_the_code() -> None:
    assert first_column(PAGE, "code") == [str(code.value) for code in ExitCode]


def test_the_verdicts_are_those_of_the_code() -> None:
    assert first_column(PAGE, "verdict") == [state.upper() for state in State]


def test_the_lines_of_doctor_are_those_of_the_code() -> None:
    shown = [name for cell, _ in table(PAGE, "line") for name in re.findall(r"`([^`]+)`", cell)]
    assert shown == [*Check]


NAMED_OTHERWISE = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
"""Operations whose permission has another name: https://docs.aws.amazon.com/service-authorization/latest/reference/"""
NEEDS_NO_PERMISSION = {"sts:GetCallerIdentity"}


def calls_of_the_command() -> Iterator[tuple[str, str]]:
    """The names of all that its code calls, and the services of which it makes clients: ("", service)."""
    for path in (ROOT / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = [one.value for one in node.args[:1] if isinstance(one, ast.Constant)]
                if node.func.attr == "client" and named:
                    yield "", str(named[0])
                yield (str(named[0]) if node.func.attr == "get_paginator" else node.func.attr), ""


def test_the_permissions_are_those_of_the_calls_that_the_command_makes() -> None:
    found = {*calls_of_the_command()}
    session = botocore.session.get_session()
    called = {
        f"{service}:{operation}"
        for service in {service for _, service in found if service}
        for operation in session.get_service_model(service).operation_names
        if (botocore.xform_name(operation), "") in found
    }
    needed = {NAMED_OTHERWISE.get(one, one) for one in called} - NEEDS_NO_PERMISSION
    documented = {*re.findall(r"`([a-z]+:[A-Z]\w+)`", section(PAGE, "## Permissions"))}
    assert documented == needed


def test_the_event_types_that_the_command_prints_are_those_of_the_catalog() -> None:
    assert shipped() == event_types.event_types(), "run `make docs`"
