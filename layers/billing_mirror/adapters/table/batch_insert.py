"""Writing many new items of the table at once.

An INSERT of PartiQL is refused where the table has an item with its key, so it needs no condition, and a batch of them
is one request. No other write with a condition can be part of a batch.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billing_mirror.core.table.items import Item

from .attributes import to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

MAX_STATEMENTS = 25
"""Items of one request."""


def batch_insert(client: DynamoDBClient, table: str, new: Sequence[Item]) -> set[str]:
    """Writes items of which the table has none with their keys; returns the partition keys of those it wrote.

    Takes ``MAX_STATEMENTS`` items at most. The rest was refused, or its fate is not known. Raises ``ClientError``
    where the whole request was refused.
    """
    answer = client.batch_execute_statement(Statements=[_insert(table, item) for item in new])
    answers = zip(new, answer["Responses"], strict=True)
    return {str(item["pk"]) for item, one in answers if "Error" not in one}


def _insert(table: str, item: Item) -> BatchStatementRequestTypeDef:
    attributes = to_attributes(item)
    members = ", ".join(f"'{name}': ?" for name in attributes)
    return {"Statement": f'INSERT INTO "{table}" VALUE {{{members}}}', "Parameters": list(attributes.values())}
