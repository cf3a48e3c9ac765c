"""Former states in the table, beside the objects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from billing_mirror.core.changes.history import PARTITION, PREFIX, Coverage, Entry, sort_key
from billing_mirror.core.table.items import Item

from ..aws import transient_errors
from .attributes import from_attributes, to_attributes
from .dynamodb import SERVICE, all_pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


class DynamoHistory:
    """Implements ``ports.HistoryStore``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def coverage(self, scope: str, stream: str) -> Coverage | None:
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(
                self._client.get_item,
                TableName=self._table,
                Key=to_attributes({"pk": f"{scope}#{PARTITION}", "sk": stream}),
                ConsistentRead=True,
            )
        return Coverage.from_item(stream, from_attributes(answer["Item"])) if "Item" in answer else None

    async def note_coverage(self, scope: str, coverage: Coverage) -> None:
        await self._put({**coverage.to_item(), "pk": f"{scope}#{PARTITION}", "sk": coverage.stream})

    async def previous(self, key: str, token: int) -> Entry | None:
        request = self._query(key, sort_key(token - 1)) | {"ScanIndexForward": False, "Limit": 1}
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(lambda: self._client.query(**request))
        return next((Entry.from_item(from_attributes(item)) for item in answer["Items"]), None)

    async def keep(self, key: str, entry: Entry) -> None:
        await self._put({**entry.to_item(), "pk": key, "sk": entry.sort_key})

    async def note_left(self, scope: str, partition: str, key: str, entry: Entry) -> None:
        item: Item = {"key": key, "at": entry.at, "expires_at": entry.expires_at}
        await self._put({**item, "pk": f"{scope}#{partition}", "sk": f"{entry.at}#{entry.token:020}#{key}"})

    async def empty(self, key: str, now: float) -> None:
        request = self._query(key, f"{PREFIX}~") | {"ProjectionExpression": "sk"}
        async for item in all_pages(self._client, request):
            # Emptied by a put, as a dropped chunk is: no function may delete what belongs to an object.
            await self._put({"pk": key, "sk": str(item["sk"]), "expires_at": int(now)})

    def _query(self, key: str, last: str) -> QueryInputTypeDef:
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": to_attributes({":pk": key, ":first": PREFIX, ":last": last}),
            "ConsistentRead": True,
        }

    async def _put(self, item: Item) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))
