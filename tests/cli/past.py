"""A table whose objects have a past: its items, and the history that the stack has kept of them."""

import asyncio

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.history import DynamoHistory
from billing_mirror.changes.dependencies import ChangesDependencies
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core.object_ref import partition_key_of
from billing_mirror.core.table.items import Item, id_in
from tests.cli.conftest import Cloud
from tests.doubles.changes import BEGINNING, StreamedItems, note_what_leaves, raw, read_raw, sequence_of_raw
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue

DAYS = 3650


class Past:
    """Writes items in turn, at the minute of their token. What the function has not read, the history lacks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._clock = ManualClock(BEGINNING)
        self._items = StreamedItems()

    def write(self, *items: Item, reaches_the_function: bool = True) -> None:
        for item in items:
            token = item["token"]
            assert isinstance(token, int)
            self._clock.advance(max(0.0, BEGINNING + 60.0 * token + 1 - self._clock.now()))
            key = partition_key_of("test", str(item["type"]), id_in(item))
            mirror = DynamoMirror(self._cloud.dynamodb, self._cloud.table)
            asyncio.run(note_what_leaves(mirror, self._items.get(key), item))
            self._items[key] = item
            stored = to_attributes({**item, "pk": key, "sk": "object"})
            self._cloud.dynamodb.put_item(TableName=self._cloud.table, Item=stored)
        if reaches_the_function:
            history = DynamoHistory(self._cloud.dynamodb, self._cloud.table)
            queue = MemoryQueue(self._clock)
            given = ChangesDependencies(self._clock, read_raw, sequence_of_raw, queue, None, history, DAYS)
            records = [raw(one) for one in self._items.records]
            asyncio.run(publish_changes(records, given, deadline=self._clock.now() + 60))
        self._items.records.clear()
