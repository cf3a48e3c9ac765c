"""Former states in the table, beside the objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from billing_mirror.core.changes.history import PREFIX, Entry
from billing_mirror.core.table.items import Item

from ..aws import transient_errors
from . import SERVICE
from .attributes import to_attributes
from .dynamodb import all_pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


EMPTIED_AT_ONCE = 500
"""Entries, by one call: a few seconds, so that a function that ends soon has emptied some."""
PUTS_AT_ONCE = 10


class DynamoHistory:
    """Implements ``ports.HistoryStore``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def keep(self, key: str, entry: Entry) -> None:
        await self._put({**entry.to_item(), "pk": key, "sk": entry.sort_key})

    async def empty(self, key: str, now: float) -> bool:
        found = [item async for item in self._filled(key)]
        for start in range(0, len(found), PUTS_AT_ONCE):
            # Emptied by a put, as a dropped chunk is: no function may delete what belongs to an object.
            puts = (self._put({**item, "expires_at": int(now)}) for item in found[start : start + PUTS_AT_ONCE])
            # Waits for all of them: after a failure, the others would run within another invocation.
            for failure in await asyncio.gather(*puts, return_exceptions=True):
                if failure is not None:
                    raise failure
        return len(found) < EMPTIED_AT_ONCE

    async def _filled(self, key: str) -> AsyncIterator[Item]:
        """The keys of entries that are not empty, the first ones: without them, each attempt would begin anew."""
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :start)",
            "FilterExpression": "attribute_exists(#state) OR attribute_exists(former_z)",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_attributes({":pk": key, ":start": PREFIX}),
            "ProjectionExpression": "pk, sk",
            "ConsistentRead": True,
        }
        found = 0
        async for item in all_pages(self._client, request):
            yield item
            found += 1
            if found == EMPTIED_AT_ONCE:
                return

    async def _put(self, item: Item) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))
