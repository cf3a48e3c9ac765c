"""Former states in the table, beside the objects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from billing_mirror.core.history import PARTITION, PREFIX, STREAM, Entry, sort_key
from billing_mirror.core.items import Item

from .attributes import from_attributes, to_attributes
from .aws import transient_errors
from .dynamodb import SERVICE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoHistory:
    """Implements ``ports.HistoryStore``. What is noted of a stream is read once in the life of a container."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._beginnings: dict[tuple[str, str], Item] = {}

    async def previous(self, key: str, token: int) -> Entry | None:
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(
                lambda: self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                    ExpressionAttributeValues=to_attributes(
                        {":pk": key, ":first": PREFIX, ":last": f"{sort_key(token - 1)}"}
                    ),
                    ScanIndexForward=False,
                    Limit=1,
                    ConsistentRead=True,
                )
            )
        return next((Entry.from_item(from_attributes(item)) for item in answer["Items"]), None)

    async def keep(self, key: str, entry: Entry) -> None:
        await self._put({**entry.to_item(), "pk": key, "sk": entry.sort_key})

    async def note_left(self, scope: str, partition: str, key: str, entry: Entry) -> None:
        item: Item = {"key": key, "at": entry.at, "expires_at": entry.expires_at}
        await self._put({**item, "pk": f"{scope}#{partition}", "sk": f"{entry.at}#{entry.token:020}#{key}"})

    async def beginning(self, scope: str, stream: str) -> Item | None:
        if (scope, stream) not in self._beginnings:
            with transient_errors(SERVICE):
                answer = await asyncio.to_thread(
                    lambda: self._client.get_item(
                        TableName=self._table,
                        Key=to_attributes({"pk": f"{scope}#{PARTITION}", "sk": f"{STREAM}{stream}"}),
                        ConsistentRead=True,
                    )
                )
            if "Item" not in answer:
                return None
            found = from_attributes(answer["Item"])
            self._beginnings[scope, stream] = {"began_at": found["began_at"], "days": found["days"]}
        return self._beginnings[scope, stream]

    async def note_beginning(self, scope: str, stream: str, noted: Item) -> None:
        await self._put({**noted, "pk": f"{scope}#{PARTITION}", "sk": f"{STREAM}{stream}"})
        self._beginnings[scope, stream] = noted

    async def _put(self, item: Item) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))
