"""Reconcile's own state, in the table beside the mirror. The lease is an item of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from billing_mirror.core import times
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.items import Item

from ..aws import transient_errors
from . import SERVICE
from .attributes import Attributes, from_attributes, to_attributes
from .conditional_write import write_if
from .dynamodb import all_pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef, QueryInputTypeDef

LEASE = "lease"
ABSENT = "attribute_not_exists(pk)"
OWN = "#owner = :owner"
EXPIRED = "#until <= :now"


class DynamoStateStore:
    """Implements ``ports.StateStore``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        values = {":owner": owner, ":until": times.iso(until), ":now": times.iso(now)}
        return await write_if(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_key(scope, LEASE, LEASE),
                UpdateExpression="SET #owner = :owner, #until = :until",
                ConditionExpression=f"{ABSENT} OR {OWN} OR {EXPIRED}",
                ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
                ExpressionAttributeValues=to_attributes(values),
            )
        )

    async def release(self, scope: Scope, owner: str) -> None:
        await write_if(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key=_key(scope, LEASE, LEASE),
                ConditionExpression=OWN,
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues=to_attributes({":owner": owner}),
            )
        )

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        attributes = {**to_attributes(entry), **_key(scope, partition, sort_key)}
        request: PutItemInputTypeDef = {"TableName": self._table, "Item": attributes}
        if if_absent:
            request |= {"ConditionExpression": ABSENT}
        if expected is not None:
            request |= {
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in expected),
                "ExpressionAttributeNames": {f"#{name}": name for name in expected},
                "ExpressionAttributeValues": to_attributes({f":{name}": value for name, value in expected.items()}),
            }
        return await write_if(lambda: self._client.put_item(**request))

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        request = self._entries(scope, partition, start)
        request |= {"ScanIndexForward": False, "Limit": 1}
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(lambda: self._client.query(**request))
        return _entry(from_attributes(answer["Items"][0])) if answer["Items"] else None

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        async for item in all_pages(self._client, self._entries(scope, partition, start)):
            yield _entry(item)

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        async for item in all_pages(self._client, self._entries(scope, partition, sort_key, where="sk > :sort_key")):
            yield _entry(item)

    def _entries(
        self, scope: Scope, partition: str, sort_key: str, *, where: str = "begins_with(sk, :sort_key)"
    ) -> QueryInputTypeDef:
        values = {":pk": _partition(scope, partition)} | ({":sort_key": sort_key} if sort_key else {})
        return {
            "TableName": self._table,
            # DynamoDB allows no empty key.
            "KeyConditionExpression": f"pk = :pk AND {where}" if sort_key else "pk = :pk",
            "ExpressionAttributeValues": to_attributes(values),
            # A tick resumes from what the tick before wrote last.
            "ConsistentRead": True,
        }


def _partition(scope: Scope, partition: str) -> str:
    return f"{scope}#{partition}"


def _key(scope: Scope, partition: str, sort_key: str) -> Attributes:
    return to_attributes({"pk": _partition(scope, partition), "sk": sort_key})


def _entry(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}
