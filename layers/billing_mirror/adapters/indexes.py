"""How an index of the table is asked: all its hash columns, and as many range columns as are known.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.DesignPattern.MultiAttributeKeys.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attributes import to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


def query(table: str, index: str, **columns: str) -> QueryInputTypeDef:
    """The request for all items of an index whose columns have these values."""
    return {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": " AND ".join(f"#{name} = :{name}" for name in columns),
        "ExpressionAttributeNames": {f"#{name}": name for name in columns},
        "ExpressionAttributeValues": to_attributes({f":{name}": value for name, value in columns.items()}),
    }
