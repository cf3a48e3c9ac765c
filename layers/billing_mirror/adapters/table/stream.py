"""The records of a DynamoDB stream, as Lambda hands them over.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.table.items import OBJECT

from .attributes import Attributes, from_attributes, stored_object

BOTH_IMAGES = "NEW_AND_OLD_IMAGES"


def sequence_of(raw: Mapping[str, Any]) -> str:
    """The number of a record in its shard: what Lambda wants to hear of a failed one."""
    return str(raw["dynamodb"]["SequenceNumber"])


def read_record(raw: Mapping[str, Any]) -> StreamRecord:
    """Raises ``PermanentError`` for a record about something else, and ``KeyError`` and the like for no record.

    Without the state before, every change would look like a creation: a stream that lacks it is refused.
    """
    data = raw["dynamodb"]
    if data["StreamViewType"] != BOTH_IMAGES:
        raise PermanentError(f"the table's stream shows {data['StreamViewType']}: it has to show {BOTH_IMAGES}")
    keys = from_attributes(data["Keys"])
    if keys["sk"] != OBJECT or "scope" not in data.get("NewImage", {}):
        raise PermanentError(
            "a record of the stream is not about a write of an object: the filter lets too much through"
        )
    return StreamRecord(
        sequence=sequence_of(raw),
        key=str(keys["pk"]),
        before=stored_object(from_attributes(_decoded(data["OldImage"]))) if "OldImage" in data else None,
        after=stored_object(from_attributes(_decoded(data["NewImage"]))),
    )


def _decoded(image: Mapping[str, Any]) -> Attributes:
    """Lambda's JSON holds binaries in base64; an object has them as columns only."""
    return {
        name: {"B": b64decode(value["B"])} if isinstance(value.get("B"), str) else value
        for name, value in image.items()
    }
