"""Removing bodies from the table: of removed objects, and of forgotten customers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from billing_mirror.core import catalog, times
from billing_mirror.core.errors import InvalidRequest, TransientError, UnreadableBody
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, key_id, stored_ref
from billing_mirror.core.runs.forgetting import (
    ERASED_COLUMNS,
    REMOVALS,
    FoundObject,
    FoundPage,
    RemovalNote,
    customer_named,
)
from billing_mirror.core.table import chunks
from billing_mirror.core.table.items import CLAIM, FORMER_CUSTOMER, OBJECT, Item, id_in

from ..aws import transient_errors
from . import SERVICE
from .attributes import Attributes, body_in, from_attributes, to_attributes
from .batch_get import batch_get
from .chunks import with_whole_body
from .conditional_write import write_if

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, ScanInputTypeDef

PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4)
PER_PAGE = 500
"""Items that one request reads."""
COLUMNS = ("pk", "id", "long_id", "type", "parent", "customer", FORMER_CUSTOMER, "deleted", chunks.NAME)


class DynamoErasure:
    """Implements ``ports.Erasure``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        request = _scan(self._table, scope, customers)
        if cursor:
            request["ExclusiveStartKey"] = _key_of(cursor)
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(lambda: self._client.scan(**request))
        items = [from_attributes(item) for item in answer["Items"]]
        found = [(item, await self._customer_of(item, customers)) for item in items]
        last = answer.get("LastEvaluatedKey")
        return FoundPage(
            tuple(FoundObject(_ref(scope, item), customer) for item, customer in found if customer),
            _cursor(from_attributes(last)) if last else "",
        )

    async def _customer_of(self, item: Item, customers: Sequence[str]) -> str | None:
        """The customer of an item that may belong to one: the columns of an item do not show a compressed body."""
        data = item.get("data")
        customer = customer_named(item, data if isinstance(data, dict) else None, customers)
        has_columns = str(item["type"]) in catalog.TYPES and item.get("deleted") is not True
        if customer or data or has_columns:
            return customer
        return customer_named(item, await self._body(str(item["pk"])), customers)

    async def _body(self, partition: str) -> JsonObject | None:
        with transient_errors(SERVICE):
            try:
                return await asyncio.to_thread(self._read_body, partition)
            except UnreadableBody:
                return None
            except TimeoutError as error:
                raise TransientError(f"{SERVICE} did not return a whole body in time") from error

    def _read_body(self, partition: str) -> JsonObject | None:
        found = batch_get(self._client, self._table, [partition], OBJECT, pauses=PAUSES, consistent=True)
        return body_in(with_whole_body(self._client, self._table, found[0])) if found else None

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        former: Item = {FORMER_CUSTOMER: customer} if customer else {}
        values: Item = {"erased_at": times.iso(now), **former}
        return await write_if(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=to_attributes({"pk": ref.key, "sk": OBJECT}),
                UpdateExpression=(
                    "SET "
                    + ", ".join(f"#{name} = :{name}" for name in values)
                    + " REMOVE "
                    + ", ".join(f"#{name}" for name in ERASED_COLUMNS)
                ),
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={f"#{name}": name for name in ("token", *values, *ERASED_COLUMNS)},
                ExpressionAttributeValues=to_attributes(
                    {f":{name}": value for name, value in values.items()} | {":token": token}
                ),
            )
        )

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None:
        sort_keys = [sort_key async for sort_key in self._sort_keys(ref) if sort_key not in (OBJECT, CLAIM)]
        for sort_key in chunks.without_named(sort_keys, token, kept):
            # Emptied by a put, as a dropped chunk is: no function may delete what belongs to an object.
            item = to_attributes({"pk": ref.key, "sk": sort_key, "expires_at": int(now)})
            with transient_errors(SERVICE):
                await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=item)

    async def _sort_keys(self, ref: ObjectRef) -> AsyncIterator[str]:
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ProjectionExpression": "sk",
            "ExpressionAttributeValues": to_attributes({":pk": ref.key}),
            "ConsistentRead": True,
        }
        async for item in self._pages(request):
            yield str(item["sk"])

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None:
        item = {**to_attributes(note.to_item()), **_note_key(scope, note)}
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=item)

    async def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:
        values = {":pk": f"{scope}#{REMOVALS}", ":until": f"{times.iso(until)}#~"}
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk < :until",
            "ExpressionAttributeValues": to_attributes(values),
            "ConsistentRead": True,
        }
        async for item in self._pages(request):
            yield RemovalNote.from_item(item)

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.delete_item, TableName=self._table, Key=_note_key(scope, note))

    async def _pages(self, request: QueryInputTypeDef) -> AsyncIterator[Item]:
        while True:
            with transient_errors(SERVICE):
                answer = await asyncio.to_thread(lambda: self._client.query(**request))
            for item in answer["Items"]:
                yield from_attributes(item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _scan(table: str, scope: Scope, customers: Sequence[str]) -> ScanInputTypeDef:
    """The request for one part of the table: all objects that may belong to one of the customers."""
    values = {f":c{number}": customer for number, customer in enumerate(customers)}
    keys = {f":k{number}": key_id(customer) for number, customer in enumerate(customers)}
    named = f"IN ({', '.join(values)})"
    columns = ("customer", FORMER_CUSTOMER, "parent", "data.customer", "data.customer.id", "data.payer.customer")
    conditions = [f"{_path(column)} {named}" for column in columns]
    conditions += [f"#id IN ({', '.join(keys)})", "attribute_exists(data_z)", "attribute_exists(chunks)"]
    projected = (*COLUMNS, "data.customer", "data.payer.customer")
    names = {part for column in (*columns, *projected, "id", "scope") for part in column.split(".")}
    return {
        "TableName": table,
        "Limit": PER_PAGE,
        "ConsistentRead": True,
        "FilterExpression": f"sk = :object AND #scope = :scope AND ({' OR '.join(conditions)})",
        "ProjectionExpression": ", ".join(_path(column) for column in projected),
        "ExpressionAttributeNames": {f"#{name}": name for name in sorted(names)},
        "ExpressionAttributeValues": to_attributes({**values, **keys, ":object": OBJECT, ":scope": str(scope)}),
    }


def _path(column: str) -> str:
    return ".".join(f"#{name}" for name in column.split("."))


def _ref(scope: Scope, item: Item) -> ObjectRef:
    parent = item.get("parent")
    return stored_ref(scope, str(item["type"]), id_in(item), parent if isinstance(parent, str) else None)


def _cursor(key: Item) -> str:
    return json.dumps([key["pk"], key["sk"]])


def _key_of(cursor: str) -> Attributes:
    """The key at which a part of the table ended. Raises ``InvalidRequest`` for a text that is no cursor."""
    try:
        pk, sk = (str(part) for part in json.loads(cursor))
    except (TypeError, ValueError):
        raise InvalidRequest("cursor is none that an answer has given; nothing was removed") from None
    return to_attributes({"pk": pk, "sk": sk})


def _note_key(scope: Scope, note: RemovalNote) -> Attributes:
    return to_attributes({"pk": f"{scope}#{REMOVALS}", "sk": note.sort_key})
