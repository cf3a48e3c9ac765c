"""Which changes would a deploy make, and which of them would lose data?

A change set says of each resource whether CloudFormation updates it as it is or replaces it by a new, empty one:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

HOLDS_DATA: Mapping[str, str] = {
    "AWS::DynamoDB::Table": "the mirror and every run's record stay behind in the old table",
    "AWS::SQS::Queue": "the messages that wait in it are deleted",
    "AWS::SecretsManager::Secret": "the new secret is empty, and no function starts until you store it",
}
"""What is lost, by the type of the resource."""
_NO = "False"


@dataclass(frozen=True)
class Change:
    """One resource's change. ``replaced``: by a new one, surely or perhaps (``Conditional``)."""

    action: str
    name: str
    kind: str
    replaced: bool

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> Self:
        """As CloudFormation's ``DescribeChangeSet`` describes it."""
        found = change["ResourceChange"]
        replaced = found["Action"] == "Modify" and found.get("Replacement", _NO) != _NO
        return cls(found["Action"], found["LogicalResourceId"], found["ResourceType"], replaced)

    @property
    def loses_data(self) -> bool:
        """Whether what the stack holds today is gone afterwards, or left behind."""
        return self.kind in HOLDS_DATA and (self.replaced or self.action in ("Remove", "Dynamic"))

    def sentence(self) -> str:
        return f"{'Replace' if self.replaced else self.action:<8}{self.name} ({self.kind})"


def shown(changes: Sequence[Change]) -> Iterator[str]:
    """A line for each change; replacements and removals first."""
    rank = {"Remove": 1, "Dynamic": 1, "Modify": 2, "Add": 3}
    for change in sorted(changes, key=lambda one: (not one.replaced, rank.get(one.action, 4), one.name)):
        yield change.sentence()


def refusals(changes: Iterable[Change], allowed: Iterable[str] = ()) -> dict[str, str]:
    """Why a change set must not be executed: a sentence for each resource that is not in ``allowed``."""
    wanted = set(allowed)
    return {
        one.name: f"{one.name} would be {_fate(one)}: {HOLDS_DATA[one.kind]}"
        for one in changes
        if one.loses_data and one.name not in wanted
    }


def _fate(change: Change) -> str:
    return "replaced" if change.replaced else "removed from the stack"
