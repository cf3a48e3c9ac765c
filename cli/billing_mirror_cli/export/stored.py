"""The items of all objects of a type, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billing_mirror.adapters.table.attributes import from_attributes
from billing_mirror.adapters.table.batch_get import MAX_KEYS, batch_get
from billing_mirror.adapters.table.chunks import with_whole_body
from billing_mirror.adapters.table.indexes import query
from billing_mirror.core.table.items import OBJECT, Item

from ..failures import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAUSES = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds before each try of a batch: an export may take longer than a request."""


def stored_objects(
    client: DynamoDBClient, table: str, *, scope: str, type_name: str, pauses: Sequence[float] = PAUSES
) -> Iterator[Item]:
    """The whole items of a type, newest first, without deleted objects; a page of them is in memory at a time.

    An object that Stripe creates while they are read may be left out. Raises :class:`Failure` where the table is
    throttled in every try of a batch; ``pauses`` are the seconds before each.
    """
    request = query(table, "by-type", scope=scope, type=type_name)
    request |= {"ScanIndexForward": False, "Limit": MAX_KEYS}
    while True:
        answer = client.query(**request)
        partitions = [str(from_attributes(item)["pk"]) for item in answer["Items"]]
        yield from _whole_items(client, table, partitions, pauses)
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _whole_items(
    client: DynamoDBClient, table: str, partitions: Sequence[str], pauses: Sequence[float]
) -> Iterator[Item]:
    try:
        found = {str(item["pk"]): item for item in batch_get(client, table, partitions, OBJECT, pauses=pauses)}
        for partition in partitions:
            # A body of several items is read when its turn comes: a hundred of them may be a gigabyte.
            item = found.pop(partition, None)
            whole = with_whole_body(client, table, item) if item is not None else None
            # An index may still show an object that was just deleted.
            if whole is not None and whole.get("deleted") is not True:
                yield whole
    except TimeoutError as error:
        raise Failure("DynamoDB throttles the reads of the table", "Export again when it is less busy") from error
