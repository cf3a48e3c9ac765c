"""The table has the keys that the queries use. They cannot change once the table holds data."""

import json
from pathlib import Path
from typing import Any

from tests.template.last_release import is_right_after_a_release, newest_release
from tests.template.templates import BUNDLE, ROOT, properties

LAST_RELEASE: dict[str, Any] = json.loads(Path(__file__).with_name("last_release_table.json").read_text())
"""The table's schema in the last release. CONTRIBUTING.md says when and how it is refreshed."""
INDEXES = {
    "by-type": (["scope", "type"], ["created", "id"]),
    "by-customer": (["scope", "customer"], ["type", "created", "id"]),
    "by-parent": (["scope", "parent"], ["type", "created", "id"]),
    "by-status": (["scope", "type", "status"], ["created", "id"]),
    "by-collection-status": (["scope", "type", "collection_status"], ["created", "id"]),
}


def test_the_table_has_a_partition_and_a_sort_key() -> None:
    assert _keys(properties("Table")) == (["pk"], ["sk"])


def test_the_indexes_have_the_keys_that_queries_use() -> None:
    assert {index["IndexName"]: _keys(index) for index in properties("Table")["GlobalSecondaryIndexes"]} == INDEXES


def test_indexes_hold_keys_only() -> None:
    projections = [index["Projection"] for index in properties("Table")["GlobalSecondaryIndexes"]]
    assert projections == [{"ProjectionType": "KEYS_ONLY"}] * len(INDEXES)


def test_every_key_is_a_string() -> None:
    types = {column["AttributeType"] for column in properties("Table")["AttributeDefinitions"]}
    assert types == {"S"}


def test_the_table_has_backups_on_demand_billing_and_a_time_to_live() -> None:
    table = properties("Table")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_table_has_limits_only_where_a_parameter_sets_them() -> None:
    nothing = {"Ref": "AWS::NoValue"}
    condition, limits, otherwise = properties("Table")["OnDemandThroughput"]["Fn::If"]
    assert (condition, otherwise) == ("LimitsTable", nothing)
    assert limits == {
        "MaxReadRequestUnits": {"Fn::If": ["LimitsReads", {"Ref": "TableReadsPerSecond"}, nothing]},
        "MaxWriteRequestUnits": {"Fn::If": ["LimitsWrites", {"Ref": "TableWritesPerSecond"}, nothing]},
    }
    assert {BUNDLE["Parameters"][f"Table{name}PerSecond"]["Default"] for name in ("Reads", "Writes")} == {0}


def test_an_update_creates_or_deletes_at_most_one_index() -> None:
    """DynamoDB refuses more in one update: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html"""
    before, now = _indexes(LAST_RELEASE), _indexes(properties("Table"))
    assert len(before.keys() ^ now.keys()) <= 1
    assert {name: before[name] for name in before.keys() & now.keys()} == {
        name: now[name] for name in before.keys() & now.keys()
    }, "an index cannot be changed: add one under another name, and remove the old one a release later"


def test_it_is_compared_with_the_newest_release() -> None:
    assert LAST_RELEASE["version"] == newest_release((ROOT / "CHANGELOG.md").read_text())


def test_the_schema_to_compare_with_is_taken_right_after_a_release_only() -> None:
    """Taken later, a release would be compared with itself."""
    released = "# Changelog\n\n## Unreleased\n\n## 0.3.0 - 2027-01-01\n\n- A new index.\n"
    assert newest_release(released) == "0.3.0"
    assert is_right_after_a_release(released)
    assert not is_right_after_a_release(released.replace("Unreleased\n", "Unreleased\n\n- Another index.\n"))


def test_an_update_does_not_replace_the_table() -> None:
    assert properties("Table")["KeySchema"] == LAST_RELEASE["KeySchema"]
    types = {column["AttributeName"]: column["AttributeType"] for column in properties("Table")["AttributeDefinitions"]}
    before = {column["AttributeName"]: column["AttributeType"] for column in LAST_RELEASE["AttributeDefinitions"]}
    assert {name: kind for name, kind in types.items() if name in before} == {
        name: kind for name, kind in before.items() if name in types
    }
    assert "TableName" not in properties("Table"), "CloudFormation cannot replace a table with a fixed name"


def _indexes(table: dict[str, Any]) -> dict[str, Any]:
    return {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}


def _keys(holder: dict[str, Any]) -> tuple[list[str], list[str]]:
    columns = [(column["KeyType"], column["AttributeName"]) for column in holder["KeySchema"]]
    hash_key = [name for kind, name in columns if kind == "HASH"]
    range_key = [name for kind, name in columns if kind == "RANGE"]
    return hash_key, range_key
