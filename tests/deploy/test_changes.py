"""A deploy that would replace or drop the table, a queue or a secret is refused, unless the resource is named."""

from typing import Any

import pytest

from dev.deploy.changes import HOLDS_DATA, Change, refusals, shown
from tests.template.templates import BUNDLE

TABLE = "AWS::DynamoDB::Table"


def change(action: str, name: str, kind: str, replacement: str | None = None) -> Change:
    """As DescribeChangeSet answers it: Replacement is there for Modify only."""
    found: dict[str, Any] = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
    return Change.of({"ResourceChange": found | ({"Replacement": replacement} if replacement else {})})


@pytest.mark.parametrize("kind", HOLDS_DATA)
@pytest.mark.parametrize("replacement", ["True", "Conditional"])
def test_a_replacement_of_what_holds_data_is_refused(kind: str, replacement: str) -> None:
    (sentence,) = refusals([change("Modify", "Kept", kind, replacement)]).values()
    assert sentence.startswith("Kept would be replaced: ")


@pytest.mark.parametrize("kind", HOLDS_DATA)
def test_so_is_its_removal(kind: str) -> None:
    (sentence,) = refusals([change("Remove", "Kept", kind)]).values()
    assert sentence.startswith("Kept would be removed from the stack: ")


def test_each_resource_has_its_own_sentence() -> None:
    lost = [change("Modify", "Queue", "AWS::SQS::Queue", "True"), change("Remove", "Table", TABLE)]
    found = refusals(lost)
    assert [sentence.split()[0] for sentence in found.values()] == [*found] == ["Queue", "Table"]


@pytest.mark.parametrize(
    "harmless",
    [
        change("Add", "Table", TABLE),
        change("Modify", "Table", TABLE, "False"),
        change("Modify", "ProcessFunction", "AWS::Lambda::Function", "True"),
        change("Remove", "AccessLog", "AWS::Logs::LogGroup"),
    ],
    ids=lambda one: one.sentence(),
)
def test_other_changes_are_not(harmless: Change) -> None:
    assert refusals([harmless]) == {}


def test_a_person_may_allow_it_for_the_resource_that_they_name() -> None:
    lost = [change("Remove", "Table", TABLE), change("Remove", "Queue", "AWS::SQS::Queue")]
    assert [*refusals(lost, ["Table"])] == ["Queue"]


def test_replacements_are_shown_first() -> None:
    changes = [change("Add", "A", "T"), change("Modify", "B", "T", "False"), change("Modify", "C", "T", "Conditional")]
    assert [*shown(changes)] == ["Replace C (T)", "Modify  B (T)", "Add     A (T)"]


def test_everything_that_outlives_the_stack_is_guarded() -> None:
    kept = {one["Type"] for one in BUNDLE["Resources"].values() if "Retain" in str(one.get("DeletionPolicy"))}
    assert kept <= HOLDS_DATA.keys()
    assert "AWS::SQS::Queue" in HOLDS_DATA
