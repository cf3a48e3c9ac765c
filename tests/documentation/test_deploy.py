"""docs/deploy.md, compared with the template and the catalog."""

import re

import pytest

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


REFUSED = {state: said for state in states() if (said := refusal("billing-live", state, "", ""))}
REMEDIES = {cell.strip("`"): todo for cell, _, todo in table(DEPLOY, "state")}


def test_the_states_that_a_deploy_refuses_are_those_of_the_page() -> None:
    named = {"DELETE_IN_PROGRESS", *(state for state in REFUSED if not state.endswith("_IN_PROGRESS"))}
    assert REMEDIES.keys() == {*named, "any other `..._IN_PROGRESS"}


@pytest.mark.parametrize("state", REFUSED)
def test_the_page_says_what_the_deploy_says_about_a_state(state: str) -> None:
    said, todo = REFUSED[state], REMEDIES.get(state, REMEDIES["any other `..._IN_PROGRESS"])
    assert ("sam delete" in said) == (re.search(r"delete (it|the stack)", todo) is not None)
    assert ("#take-up-an-existing-table" in said) == ("#take-up-an-existing-table" in todo)
    assert ("continue-update-rollback" in said) == ("continue-update-rollback" in todo)
    assert ("Wait until" in said) == todo.startswith("wait ")
    assert ("Mend " in said) == (re.search(r"\bmend |again; its", todo) is not None)


def test_only_what_a_complete_rollback_leaves_is_surely_empty() -> None:
    """The table and the secrets are removed when their creation is rolled back, and kept by a deletion."""
    deleted = {state for state, said in REFUSED.items() if "sam delete" in said or state.startswith("DELETE_")}
    assert {state for state in deleted if "#take-up-an-existing-table" not in REFUSED[state]} == {"ROLLBACK_COMPLETE"}


def test_no_secret_is_an_argument_of_a_command() -> None:
    for page in ("README.md", "docs/deploy.md", "docs/operations.md"):
        commands = "\n".join(blocks(text_of(page), "sh"))
        assert commands.count("--secret-string") == commands.count("--secret-string file:///dev/stdin")
        assert "rk_" not in commands
        assert "whsec_" not in commands
