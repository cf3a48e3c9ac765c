"""A record of the table's stream: one write of one item."""

from dataclasses import dataclass

from ..table.stored import StoredObject


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A write of an object's item. ``sequence`` is the record's number in its shard; ``key`` the partition key."""

    sequence: str
    key: str
    before: StoredObject | None
    after: StoredObject
