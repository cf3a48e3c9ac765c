"""docs/deploy.md, compared with the template and the catalog."""

import re

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES
from dev.deploy.states import refusal
from docs import event_types, key_permissions
from tests.deploy.states import states
from tests.documentation.pages import blocks, section, table, text_of
from tests.template.templates import BUNDLE, MONITORING

DEPLOY = text_of("docs/deploy.md")


def test_the_parameters_are_those_of_the_template() -> None:
    shown = [(name.strip("`"), default.strip("`")) for name, default, _ in table(DEPLOY, "parameter")]
    assert shown == [(name, str(parameter["Default"])) for name, parameter in BUNDLE["Parameters"].items()]


def test_a_stack_of_its_own_for_monitoring_gets_every_parameter() -> None:
    release = section(DEPLOY, "## Deploy a release")
    for_emulators = {"CompositeAlarm"}
    assert [name for name in MONITORING["Parameters"].keys() - for_emulators if name not in release] == []


def test_the_event_types_are_those_of_the_catalog() -> None:
    assert event_types.written(DEPLOY) == DEPLOY, "run `make docs`"
    assert blocks(DEPLOY, "text") == ["".join(f"{name}\n" for name in event_types.event_types())]


def test_the_permissions_of_the_key_are_those_of_the_catalog() -> None:
    assert key_permissions.written(DEPLOY) == DEPLOY, "run `make docs`"
    named = {name.strip("`") for name, _ in table(DEPLOY, "permission")}
    assert {one.permission for one in TYPES.values() if one.permission} <= named
    assert not [name for name in named if not name.endswith("_read")], "the key needs no write permission"
    shown = DEPLOY[DEPLOY.index(key_permissions.BEGIN) : DEPLOY.index(key_permissions.END)]
    assert [one.name for one in RECONCILED_TYPES if f"`{one.name}`" not in shown] == []


def test_the_states_that_a_deploy_refuses_are_those_of_the_page() -> None:
    cells = [cell for cell, *_ in table(DEPLOY, "state")]
    shown = {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert "any `..._IN_PROGRESS`" in cells
    refused = {state for state in states() if refusal("billing-live", state, "", "")}
    assert {state for state in refused if not state.endswith("_IN_PROGRESS")} == shown


def test_no_secret_is_an_argument_of_a_command() -> None:
    for page in ("README.md", "docs/deploy.md", "docs/operations.md"):
        commands = "\n".join(blocks(text_of(page), "sh"))
        assert commands.count("--secret-string") == commands.count("--secret-string file:///dev/stdin")
        assert "rk_" not in commands
        assert "whsec_" not in commands
