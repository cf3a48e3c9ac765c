"""Reading a body that takes several items.

An item and its chunks are read one after the other. A write in between may have dropped the chunks: then the item that
replaced the first one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing_mirror.core.errors import UnreadableBody
from billing_mirror.core.table import chunks
from billing_mirror.core.table.items import OBJECT, Item

from .attributes import from_attributes, to_attributes
from .batch_get import batch_get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

READS = 8
"""Reads of an item that is replaced each time before its chunks are read."""
PAUSES = (0.0, 0.1, 0.3, 0.9)
"""Seconds before each try to read the item again."""


def with_whole_body(client: DynamoDBClient, table: str, item: Item) -> Item:
    """The item with its body in it; or the item that has replaced it meanwhile.

    Raises :class:`UnreadableBody` where the table lacks chunks that the item names, and ``TimeoutError`` where the
    object is replaced all the time.
    """
    for _ in range(READS):
        name = chunks.name_in(item)
        if name is None:
            return item
        whole = chunks.join(item, _contents(client, table, str(item["pk"]), name))
        if whole is not None:
            return whole
        item = _read_again(client, table, item)
    raise TimeoutError(f"{_id(item)} is written so often that its body cannot be read")


def superseded_query(table: str, partition: str, token: int) -> QueryInputTypeDef:
    """The request for the keys of all chunks of a token and of lower ones, without dropped ones."""
    first, last = chunks.range_up_to(token)
    return {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "FilterExpression": "attribute_exists(#content)",
        "ProjectionExpression": "sk",
        "ExpressionAttributeNames": {"#content": chunks.CONTENT},
        "ExpressionAttributeValues": to_attributes({":pk": partition, ":first": first, ":last": last}),
        "ConsistentRead": True,
    }


def _id(item: Item) -> str:
    return str(item.get("id"))


def _read_again(client: DynamoDBClient, table: str, item: Item) -> Item:
    found = batch_get(client, table, [str(item["pk"])], OBJECT, pauses=PAUSES, consistent=True)
    if not found or chunks.name_in(found[0]) == chunks.name_in(item):
        # Before and after the chunks were read, the item named them: no write can have dropped them.
        raise UnreadableBody(f"the table lacks items that hold the body of {_id(item)}: they were removed by hand")
    return found[0]


def _contents(client: DynamoDBClient, table: str, partition: str, name: str) -> list[bytes]:
    request: QueryInputTypeDef = {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :name)",
        "ExpressionAttributeValues": to_attributes({":pk": partition, ":name": name}),
        "ConsistentRead": True,  # all of them were written before the item
    }
    found: list[bytes] = []
    while True:
        answer = client.query(**request)
        found += [
            content
            for item in map(from_attributes, answer["Items"])
            if isinstance(content := item.get(chunks.CONTENT), bytes)
        ]
        if "LastEvaluatedKey" not in answer:
            return found
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
