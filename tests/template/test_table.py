"""The table has the keys that the queries use. They cannot change once the table holds data."""

from typing import Any

from tests.template.templates import properties

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


def _keys(holder: dict[str, Any]) -> tuple[list[str], list[str]]:
    columns = [(column["KeyType"], column["AttributeName"]) for column in holder["KeySchema"]]
    hash_key = [name for kind, name in columns if kind == "HASH"]
    range_key = [name for kind, name in columns if kind == "RANGE"]
    return hash_key, range_key
