"""Queries of the table's indexes, by all hash columns and as many range columns as are known.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.DesignPattern.MultiAttributeKeys.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attributes import to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


def query(table: str, index: str, *, since: str | None = None, **columns: str) -> QueryInputTypeDef:
    """The request for all items of an index with these values, created ``since`` then (ISO 8601).

    Items of one type come in the order of ``created`` and ``id`` by default.
    """
    conditions = [f"#{name} = :{name}" for name in columns]
    values = dict(columns)
    if since is not None:
        conditions.append("#created >= :created")
        values["created"] = since
    return {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": to_attributes({f":{name}": value for name, value in values.items()}),
    }
