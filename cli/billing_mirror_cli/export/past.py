"""The items of all objects of a type as they were, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from billing_mirror.adapters.table.chunks import with_whole_body
from billing_mirror.core.table.items import Item
from billing_mirror.reader import UnknownPast
from billing_mirror.reader.history import PastStates
from billing_mirror.reader.table import ScopedTable

from ..failures import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def past_objects(
    client: DynamoDBClient, table: str, *, scope: str, type_name: str, moment: str, now: float
) -> Iterator[Item]:
    """The whole items of a type as they were at a moment (ISO 8601, UTC), without deleted objects.

    Raises :class:`Failure` where the history does not know what one of them was: the export would lack it silently.
    """
    past = PastStates(ScopedTable(client, table, scope), lambda: now)
    try:
        for partition in past.partitions_of_type(type_name):
            found = past.state_at(partition, moment)
            if found.item is not None and found.item.get("deleted") is not True:
                yield with_whole_body(client, table, found.item) if found.ended_by is None else found.item
    except UnknownPast as error:
        raise Failure(_sentence(error), "Export as of a later time, or leave its type out") from error


def _sentence(error: Exception) -> str:
    return str(error)[:1].upper() + str(error)[1:]
