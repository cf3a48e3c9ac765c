"""The table as the reader asks it: by key, by index, by partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import NoRegionError

from ..adapters.table.attributes import from_attributes, to_attributes
from ..adapters.table.batch_get import batch_get
from ..adapters.table.chunks import with_whole_body
from ..adapters.table.indexes import query
from ..core.table.items import CLAIM, OBJECT, Item
from .errors import NoRegion
from .objects import MirroredObject, object_in
from .results import Page, from_cursor, to_cursor
from .waiting import Seen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

SEEN_COLUMNS = ("token", "fetched_at", "type", "parent")
PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each try of a batch."""


def connect() -> DynamoDBClient:
    """A client of DynamoDB. Raises :class:`NoRegion`."""
    try:
        return boto3.client("dynamodb")
    except NoRegionError as error:
        raise NoRegion(
            "no AWS region is set: set AWS_REGION to the region of the stack, or give the reader a client, as in "
            "Reader(table, client=boto3.client('dynamodb', region_name='eu-central-1'))"
        ) from error


class ScopedTable:
    """One scope of the table."""

    def __init__(self, client: DynamoDBClient, name: str, scope: str) -> None:
        self._client = client
        self._name = name
        self.scope = scope

    def objects(self, partitions: Sequence[str], *, consistent: bool = False) -> list[MirroredObject]:
        """The objects with these partition keys, in this order; those that are missing are left out.

        Raises :class:`UnreadableBody` where items of a large body were removed from the table by hand.
        """
        found = self.items(partitions, OBJECT, consistent=consistent)
        whole = {pk: self.whole(item) for pk, item in found.items()}
        return [whole[partition] for partition in partitions if partition in whole]

    def whole(self, item: Item) -> MirroredObject:
        """The object that an item holds, with the rest of a large body. Raises :class:`UnreadableBody`."""
        return object_in(with_whole_body(self._client, self._name, item))

    def items(
        self, partitions: Sequence[str], sort_key: str, *, columns: Sequence[str] = (), consistent: bool = False
    ) -> Mapping[str, Item]:
        """The items with this sort key, by partition key; without ``columns``, all of them."""
        distinct = list(dict.fromkeys(partitions))
        items = batch_get(
            self._client, self._name, distinct, sort_key, pauses=PAUSES, columns=columns, consistent=consistent
        )
        return {str(item["pk"]): item for item in items}

    def seen(self, partition: str) -> Seen:
        """What the table shows of an object now, strongly consistent."""
        item = self.items([partition], OBJECT, columns=SEEN_COLUMNS, consistent=True).get(partition)
        claim = self.items([partition], CLAIM, columns=("claimed",), consistent=True).get(partition)
        return Seen.from_items(item, claim)

    def indexed(self, index: str, limit: int, cursor: str | None, columns: Mapping[str, str]) -> Page[MirroredObject]:
        """A page of the objects that an index shows with these values."""
        request = query(self._name, index, scope=self.scope, **columns)
        items, following = self._query(request, limit, cursor)
        # An index may still show an object that was just deleted.
        live = [one for one in self.objects([str(item["pk"]) for item in items]) if not one.deleted]
        return Page(live, following)

    def entries(self, partition: str, start: str, limit: int, cursor: str | None) -> tuple[list[Item], str | None]:
        """A page of reconcile's records, and the cursor of the next one."""
        values = {":pk": f"{self.scope}#{partition}"} | ({":start": start} if start else {})
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :start)" if start else ""),
            "ExpressionAttributeValues": to_attributes(values),
        }
        return self._query(request, limit, cursor)

    def beside(
        self, partition: str, start: str, limit: int, cursor: str | None, *, consistent: bool = False
    ) -> tuple[list[Item], str | None]:
        """A page of the items beside an object whose sort keys begin like this, and the cursor of the next one."""
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :start)",
            "ExpressionAttributeValues": to_attributes({":pk": partition, ":start": start}),
            "ConsistentRead": consistent,
        }
        return self._query(request, limit, cursor)

    def keys_indexed(self, index: str, *, limit: int | None = None, **columns: str) -> Iterator[str]:
        """The partition keys of the objects that an index shows with these values, newest first; at most ``limit``."""
        cursor: str | None = None
        while True:
            items, cursor = self._query(query(self._name, index, scope=self.scope, **columns), limit, cursor)
            yield from (str(item["pk"]) for item in items)
            limit = None if limit is None else limit - len(items)
            if cursor is None or limit == 0:
                return

    def _query(
        self, request: QueryInputTypeDef, limit: int | None, cursor: str | None
    ) -> tuple[list[Item], str | None]:
        """A page of at most ``limit`` items; without, as many as DynamoDB puts into one answer of 1 MB."""
        request |= {"ScanIndexForward": False, **({"Limit": limit} if limit is not None else {})}
        if cursor is not None:
            request["ExclusiveStartKey"] = from_cursor(cursor)
        answer = self._client.query(**request)
        last = answer.get("LastEvaluatedKey")
        return [from_attributes(item) for item in answer["Items"]], to_cursor(last) if last else None
