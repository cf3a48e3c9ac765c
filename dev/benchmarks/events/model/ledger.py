"""What did a function ask of DynamoDB and SQS, and what would AWS charge for it?

Units as AWS counts them: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import boto3

from billing_mirror.core.table.items import INDEX_COLUMNS

Call = tuple[float, str, bytes, bool, list[Any]]
"""When a call ended, its operation, the body of its request, whether it was done, and a batch's answers."""
Key = tuple[str, str]
"""The partition and the sort key of an item."""
Columns = dict[str, str]
"""The columns of an item that indexes have as keys."""
Written = tuple[float, str, str, int, Columns | None]
"""When an item was written, its keys, its bytes, and its columns; None where these stay as they are."""
Read = tuple[str, str, bool]
"""The partition and sort key of an item that was read, and whether consistently."""

INDEXED = frozenset({"scope", "type", "id", *INDEX_COLUMNS})
WRITES = {"PutItem": "Item", "UpdateItem": "Key", "DeleteItem": "Key"}


@dataclass
class Ledger:
    """Keeps the calls of every client of boto3's default session."""

    calls: list[Call] = field(default_factory=list)

    def attach(self) -> None:
        boto3.setup_default_session()
        events = boto3.DEFAULT_SESSION.events  # type: ignore[union-attr]  # it was just set up
        events.register("before-call.dynamodb", _keep_body)
        events.register("before-call.sqs", _keep_body)
        events.register("after-call.dynamodb", self._record)
        events.register("after-call.sqs", self._record)

    def _record(self, model: Any, context: dict[str, Any], http_response: Any, parsed: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        done, answers = http_response.status_code < 300, parsed.get("Responses")
        batch = answers if isinstance(answers, list) else []
        self.calls.append((time.time(), model.name, context.get("bench_body", b""), done, batch))

    def drain(self) -> dict[str, Any]:
        """Counts of calls, and the items written and read, since the last drain."""
        calls, self.calls = self.calls, []
        counts: Counter[str] = Counter()
        written: list[Written] = []
        read: list[tuple[str, str, bool]] = []
        for at, operation, body, done, answers in calls:
            counts[operation] += 1
            given = json.loads(body or b"{}")
            if operation in WRITES:
                written.append((at, *_written(given, WRITES[operation]), _columns(operation, given) if done else None))
            written += [
                (
                    at,
                    *_written({"Item": item}, "Item"),
                    _columns("PutItem", {"Item": item}) if "Error" not in one else None,
                )
                for item, one in zip(_inserted(operation, given), answers, strict=False)
            ]
            read += _read(operation, given)
        return {"calls": dict(counts), "written": written, "read": read}


def _keep_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["bench_body"] = params["body"]


def _written(given: dict[str, Any], member: str) -> tuple[str, str, int]:
    item = given[member]
    size = size_of(item) + size_of(given.get("ExpressionAttributeValues", {}) if member == "Key" else {})
    return *_key(item), size


def _inserted(operation: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a batch of INSERT statements."""
    if operation != "BatchExecuteStatement":
        return []
    return [
        dict(zip(re.findall(r"'(\w+)': \?", one["Statement"]), one["Parameters"], strict=True))
        for one in given["Statements"]
    ]


def _columns(operation: str, given: dict[str, Any]) -> Columns | None:
    """What is left of the columns that indexes have as keys. No update of this project's changes any."""
    if operation == "UpdateItem":
        return None
    return {name: value["S"] for name, value in given.get("Item", {}).items() if name in INDEXED and "S" in value}


def _read(operation: str, given: dict[str, Any]) -> list[tuple[str, str, bool]]:
    if operation == "GetItem":
        return [(*_key(given["Key"]), bool(given.get("ConsistentRead")))]
    if operation == "BatchGetItem":
        tables = given["RequestItems"].values()
        return [(*_key(key), bool(one.get("ConsistentRead"))) for one in tables for key in one["Keys"]]
    return [("", "", bool(given.get("ConsistentRead")))] if operation == "Query" else []


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return tuple(next(iter(item.get(name, {"S": ""}).values())) for name in ("pk", "sk"))


def size_of(value: Any) -> int:  # noqa: ANN401 - an attribute's JSON
    """Bytes of an item or of a map of attributes.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _attribute(one) for name, one in value.items())


def _attribute(attribute: dict[str, Any]) -> int:
    kind, value = next(iter(attribute.items()))
    if kind == "M":
        return 3 + len(value) + size_of(value)
    if kind == "L":
        return 3 + len(value) + sum(map(_attribute, value))
    if kind == "N":
        return len(value.strip("-0.")) // 2 + 2
    if kind == "B":
        return len(value) * 3 // 4
    return len(str(value).encode()) if kind == "S" else 1
