"""Reading many items of the table at once.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billing_mirror.core.table.items import Item

from .attributes import Attributes, from_attributes, to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

MAX_KEYS = 100
"""Keys of one request."""


def batch_get(
    client: DynamoDBClient,
    table: str,
    partitions: Sequence[str],
    sort_key: str,
    *,
    pauses: Sequence[float],
    columns: Sequence[str] = (),
    consistent: bool = False,
) -> list[Item]:
    """The items with these partition keys and this sort key, in any order; those that are missing are left out.

    ``columns`` are read besides ``pk``; none means all. ``pauses`` are the seconds before each try of a request.
    Raises ``TimeoutError`` where DynamoDB leaves keys unprocessed in every try.
    """
    options: KeysAndAttributesTypeDef = {"Keys": [], "ConsistentRead": consistent}
    if columns:
        names = {f"#{name}": name for name in ("pk", *columns)}
        options |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    found: list[Item] = []
    for start in range(0, len(partitions), MAX_KEYS):
        keys = [to_attributes({"pk": pk, "sk": sort_key}) for pk in partitions[start : start + MAX_KEYS]]
        found += _get(client, table, keys, options, pauses)
    return found


def _get(
    client: DynamoDBClient,
    table: str,
    keys: Sequence[Attributes],
    options: KeysAndAttributesTypeDef,
    pauses: Sequence[float],
) -> Iterator[Item]:
    for pause in pauses:
        time.sleep(pause)
        answer = client.batch_get_item(RequestItems={table: {**options, "Keys": keys}})
        yield from (from_attributes(item) for item in answer["Responses"].get(table, []))
        unprocessed = answer["UnprocessedKeys"].get(table)
        if not unprocessed:
            return
        keys = [dict(key) for key in unprocessed["Keys"]]
    raise TimeoutError("DynamoDB leaves keys unprocessed: the table is throttled")
