"""Former states in the table, beside the objects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from billing_mirror.core.changes.history import PREFIX, Entry
from billing_mirror.core.table.items import Item

from ..aws import transient_errors
from .attributes import to_attributes
from .dynamodb import SERVICE, all_pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


class DynamoHistory:
    """Implements ``ports.HistoryStore``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def keep(self, key: str, entry: Entry) -> None:
        await self._put({**entry.to_item(), "pk": key, "sk": entry.sort_key})

    async def empty(self, key: str, now: float) -> None:
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :start)",
            "ExpressionAttributeValues": to_attributes({":pk": key, ":start": PREFIX}),
            "ProjectionExpression": "sk",
            "ConsistentRead": True,
        }
        async for item in all_pages(self._client, request):
            # Emptied by a put, as a dropped chunk is: no function may delete what belongs to an object.
            await self._put({"pk": key, "sk": str(item["sk"]), "expires_at": int(now)})

    async def _put(self, item: Item) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))
