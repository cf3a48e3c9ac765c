"""A record of the table's stream: one write of one item."""

from dataclasses import dataclass

from ..table.stored import StoredObject


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A write of an object's item. ``sequence`` is the record's number in its shard; ``key`` the partition key.

    ``stream`` is the label of the stream: the table gets another one each time its stream is switched on.
    ``written_at`` is when DynamoDB wrote the item (seconds since 1970).
    """

    sequence: str
    key: str
    stream: str
    written_at: float
    before: StoredObject | None
    after: StoredObject

    @property
    def scope(self) -> str:
        return str(self.after.columns["scope"])
