"""The mirror in a DynamoDB table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from billing_mirror.core import times
from billing_mirror.core.errors import TransientError, UnreadableBody, UnstorableObject
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.forgetting import RemovalNote
from billing_mirror.core.table import chunks
from billing_mirror.core.table.items import (
    CLAIM,
    FORMER_CUSTOMER,
    INDEX_COLUMNS,
    OBJECT,
    Item,
    last_events_in,
    members_in,
    missing_fields_in,
)
from billing_mirror.core.table.left import partitions_left
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Claim, Head
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.ports import IndexEntry

from ..aws import is_denied, is_refused_value, transient_errors
from . import SERVICE
from .attributes import BODY_COLUMNS, body_in, from_attributes, integer, stored_object, to_attributes
from .batch_get import batch_get
from .batch_insert import MAX_STATEMENTS, batch_insert
from .chunked_write import Replaced, put_chunked
from .chunks import superseded_query, with_whole_body
from .conditional_write import answer_if, write_if
from .counters import DynamoCounters
from .erasure import DynamoErasure
from .gathered_reads import GatheredReads
from .indexes import query
from .unstorable_notes import DynamoNotes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

BATCH_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Seconds before each try of a batch."""
CHUNK_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds after each failed try to write a chunk: one object's chunks are more than a partition takes in a second.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""
HEAD_COLUMNS = (
    "token",
    "fetched_at",
    "digest",
    "deleted",
    "customer",
    "parent",
    "stripe_version",
    "members",
    "last_event_at",
    "last_event_id",
    "other_event_ids",
    chunks.NAME,
    "follow_ups_due",
    "missing_fields",
    FORMER_CUSTOMER,
)
NEWER = "attribute_not_exists(pk) OR #token < :token"

T = TypeVar("T")


class DynamoMirror(DynamoCounters, DynamoNotes, DynamoErasure):
    """Implements ``ports.Mirror``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        super().__init__(client, table)
        self._heads = GatheredReads(partial(self._items, sort_key=OBJECT, columns=HEAD_COLUMNS))
        self._lagging_heads = GatheredReads(
            partial(self._items, sort_key=OBJECT, columns=HEAD_COLUMNS, consistent=False)
        )
        self._claims = GatheredReads(partial(self._items, sort_key=CLAIM, columns=("claimed", "claimed_at")))

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        reads = self._heads if consistent else self._lagging_heads
        items = await reads.items(ref.key for ref in refs)
        return {key: _head(item) for key, item in items.items()}

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        items = await self._claims.items(ref.key for ref in refs)
        return {
            key: Claim(integer(item, "claimed"), times.seconds(str(item["claimed_at"]))) for key, item in items.items()
        }

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        with _refused_values():
            return await put_chunked(self, ref, token, item)

    async def replace(self, ref: ObjectRef, token: int, item: Item) -> Replaced:
        answer = await answer_if(
            lambda: self._client.put_item(
                TableName=self._table,
                Item=to_attributes({**item, "pk": ref.key, "sk": OBJECT, "token": token}),
                ConditionExpression=NEWER,
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=to_attributes({":token": token}),
                ReturnValues="ALL_OLD",  # consumes no capacity; tells whether chunks are left
            )
        )
        if answer is None:
            return Replaced(stored=False, had_chunks=False)
        return Replaced(stored=True, had_chunks=chunks.NAME in answer.get("Attributes", {}))

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        # A compressed body may take several items, which only a put writes.
        small = [ref for ref, item in new.items() if "data_z" not in item]
        inserted: set[str] = set()
        for start in range(0, len(small), MAX_STATEMENTS):
            refs = small[start : start + MAX_STATEMENTS]
            # A thread for each request: who runs out of time starts no further one.
            inserted |= await self._insert(
                [{**new[ref], "pk": ref.key, "sk": OBJECT, "token": UNCLAIMED_TOKEN} for ref in refs]
            )
        return {ref for ref in small if ref.key in inserted}

    async def _insert(self, batch: Sequence[Item]) -> set[str]:
        try:
            with transient_errors(SERVICE):
                try:
                    return await asyncio.to_thread(batch_insert, self._client, self._table, batch)
                except ClientError as error:
                    if is_denied(error):
                        return set()  # a permissions boundary may not know PartiQL
                    raise
        except ClientError:
            return set()  # a put of each says what is wrong

    async def put_chunk(self, ref: ObjectRef, sort_key: str, content: bytes) -> None:
        await self._write_chunk({"pk": ref.key, "sk": sort_key, chunks.CONTENT: content})

    async def chunk_keys(self, ref: ObjectRef, token: int) -> list[str]:
        request = superseded_query(self._table, ref.key, token)
        return [str(item["sk"]) async for item in all_pages(self._client, request)]

    async def drop_chunk(self, ref: ObjectRef, sort_key: str, expires_at: int) -> None:
        # Emptied by a put: no function may delete what belongs to an object.
        await self._write_chunk({"pk": ref.key, "sk": sort_key, "expires_at": expires_at})

    async def _write_chunk(self, chunk: Item) -> None:
        for pause in CHUNK_PAUSES:
            try:
                return await self._put_unconditionally(chunk)
            except TransientError:
                await asyncio.sleep(pause)
        return await self._put_unconditionally(chunk)

    async def _put_unconditionally(self, item: Item) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        note = RemovalNote.of_tombstone(tombstone)
        await self.note_removal(ref.scope, note)
        await self.note_left(ref, customer=note.customer, removed=True)
        # An update, not a put: the item keeps its body, the last known one.
        columns = {**tombstone, "token": token}
        removed = [name for name in INDEX_COLUMNS if name not in columns]
        return await write_if(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=to_attributes({"pk": ref.key, "sk": OBJECT}),
                UpdateExpression=(
                    "SET "
                    + ", ".join(f"#{name} = :{name}" for name in columns)
                    + " REMOVE "
                    + ", ".join(f"#{name}" for name in removed)
                ),
                ConditionExpression=NEWER,
                ExpressionAttributeNames={f"#{name}": name for name in (*columns, *removed)},
                ExpressionAttributeValues=to_attributes({f":{name}": value for name, value in columns.items()}),
            )
        )

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None:
        for partition in partitions_left(ref.type if removed else None, customer):
            item: Item = {"pk": f"{ref.scope}#{partition}", "sk": ref.key, "key": ref.key}
            with transient_errors(SERVICE):
                await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=to_attributes(item))

    async def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        request = query(self._table, "by-parent", scope=str(scope), parent=parent, type=type_name)
        async for item in all_pages(self._client, request):
            yield str(item["id"])

    async def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        request = query(self._table, "by-customer", scope=str(scope), customer=customer, type=type_name)
        async for item in all_pages(self._client, request):
            yield str(item["id"])

    async def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        index, columns = ("by-status", {"status": status}) if status else ("by-type", {})
        request = query(self._table, index, since=since, scope=str(scope), type=type_name, **columns)
        async for item in all_pages(self._client, request):
            yield IndexEntry(str(item["created"]), str(item["id"]))

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(
                self._client.get_item,
                TableName=self._table,
                Key=to_attributes({"pk": ref.key, "sk": OBJECT}),
                ConsistentRead=True,
            )
        try:
            return body_in(await self._with_whole_body(from_attributes(answer.get("Item", {}))))
        except UnreadableBody:
            return None

    async def _with_whole_body(self, item: Item) -> Item:
        if chunks.name_in(item) is None:
            return item
        with transient_errors(SERVICE):
            try:
                return await asyncio.to_thread(with_whole_body, self._client, self._table, item)
            except TimeoutError as error:
                raise TransientError(f"{SERVICE} did not return a whole body in time") from error

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        item = await self._item(ref)
        if not item:
            return None
        if not BODY_COLUMNS.isdisjoint(item):
            return stored_object(item)
        # The body is not in the item. The columns are read after it: under the token of a head that was read before
        # it, both belong together.
        body = await self.body(ref)
        return StoredObject(await self._item(ref), body)

    async def _item(self, ref: ObjectRef) -> Item:
        return (await self._items([ref.key], sort_key=OBJECT, columns=())).get(ref.key, {})

    async def _items(
        self, partitions: Collection[str], *, sort_key: str, columns: Sequence[str], consistent: bool = True
    ) -> dict[str, Item]:
        """A stale head or claim could hide the newest write: only what is confirmed may be read inconsistently."""
        with transient_errors(SERVICE):
            try:
                items = await asyncio.to_thread(
                    batch_get,
                    self._client,
                    self._table,
                    sorted(partitions),
                    sort_key,
                    pauses=BATCH_PAUSES,
                    columns=columns,
                    consistent=consistent,
                )
            except TimeoutError as error:
                raise TransientError(f"{SERVICE} left keys of a batch unprocessed") from error
        return {str(item["pk"]): item for item in items}


@contextmanager
def _refused_values() -> Iterator[None]:
    """Raises ``UnstorableObject`` where DynamoDB does not take an item for its values."""
    try:
        yield
    except ClientError as error:
        if is_refused_value(error):
            raise UnstorableObject(f"{SERVICE} takes no such item (ValidationException)", may_pass=True) from error
        raise


async def all_pages(client: DynamoDBClient, request: QueryInputTypeDef) -> AsyncIterator[Item]:
    """All items of a query, page by page, in the order of the sort key."""
    page = request.copy()
    while True:
        with transient_errors(SERVICE):
            answer = await asyncio.to_thread(lambda: client.query(**page))
        for item in answer["Items"]:
            yield from_attributes(item)
        if "LastEvaluatedKey" not in answer:
            return
        page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _head(item: Item) -> Head:
    events = last_events_in(item)
    return Head(
        token=integer(item, "token"),
        fetched_at=times.seconds(str(item["fetched_at"])),
        digest=str(item.get("digest", "")),
        deleted=item.get("deleted") is True,
        customer=_text(item, "customer"),
        parent=_text(item, "parent"),
        stripe_version=_text(item, "stripe_version") or "",
        members=members_in(item),
        last_event_at=events.last_event_at,
        last_event_ids=events.last_event_ids,
        chunks=chunks.name_in(item),
        follow_ups_due=item.get("follow_ups_due") is True,
        missing_fields=missing_fields_in(item),
        former_customer=_text(item, FORMER_CUSTOMER),
    )


def _text(item: Item, name: str) -> str | None:
    value = item.get(name)
    return value if isinstance(value, str) else None
