"""The notes of objects that the table cannot hold, in the table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.unstorable import PARTITION, UnstorableNote, sort_keys_of

from ..aws import transient_errors
from . import SERVICE
from .attributes import Attributes, from_attributes, to_attributes
from .conditional_write import answer_if, write_if

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


class DynamoNotes:
    """Implements ``ports.UnstorableNotes``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        columns = note.to_item()
        setting = {name: f"#{name} = :{name}" for name in columns}
        setting["noticed_at"] = "#noticed_at = if_not_exists(#noticed_at, :noticed_at)"
        answer = await answer_if(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_key(scope, note),
                UpdateExpression=f"SET {', '.join(setting.values())}",
                ConditionExpression="attribute_not_exists(pk) OR #token <= :token",
                ExpressionAttributeNames={f"#{name}": name for name in columns},
                ExpressionAttributeValues=to_attributes({f":{name}": value for name, value in columns.items()}),
                ReturnValues="ALL_OLD",
            )
        )
        return answer is None or from_attributes(answer.get("Attributes", {})).get("digest") == note.digest

    async def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:
        request = notes_of(self._table, scope, type_name)
        while True:
            with transient_errors(SERVICE):
                answer = await asyncio.to_thread(lambda: self._client.query(**request))
            for item in answer["Items"]:
                yield UnstorableNote.from_item(from_attributes(item))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None:
        await write_if(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key=_key(scope, note),
                ConditionExpression="#token = :token AND digest = :digest",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=to_attributes({":token": note.token, ":digest": note.digest}),
            )
        )


def notes_of(table: str, scope: Scope | str, type_name: str) -> QueryInputTypeDef:
    """The query for the notes of a type, or of all types."""
    start = sort_keys_of(type_name)
    values = {":pk": f"{scope}#{PARTITION}"} | ({":start": start} if start else {})
    return {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :start)" if start else ""),
        "ExpressionAttributeValues": to_attributes(values),
        "ConsistentRead": True,
    }


def _key(scope: Scope, note: UnstorableNote) -> Attributes:
    return to_attributes({"pk": f"{scope}#{PARTITION}", "sk": note.sort_key})
