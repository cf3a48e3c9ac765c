"""What does the changes function ask of AWS for a change, and what does AWS charge for it?

The function runs with its own adapters, in front of clients that count.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from billing_mirror.adapters.event_bus import EventBridgeBus
from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.adapters.table.history import DynamoHistory
from billing_mirror.changes.dependencies import ChangesDependencies, RawRecord
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import json_body
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item

from .changes import FETCHED_AT, SAMPLES, TYPES, item_of
from .events.model.ledger import size_of
from .events.prices import GB, MILLION, PRICES

BATCH = 100
"""Records of an invocation, at most: BatchSize of the template."""
UNIT_WRITTEN, UNIT_PUBLISHED = 1024, 64 * 1024
Attributes = dict[str, Any]


class CountingClient:
    """The part of DynamoDB's and EventBridge's clients that the function uses, with what it was asked for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def put_item(self, *, Item: Attributes, **_: object) -> Attributes:  # noqa: N803 - boto3's name
        self.counts["PutItem"] += 1
        self.counts["write units"] += -(-size_of(Item) // UNIT_WRITTEN)
        if Item["sk"]["S"].startswith("history#"):
            self.counts["bytes kept"] += size_of(Item)
        return {}

    def put_events(self, *, Entries: Sequence[dict[str, str]]) -> Any:  # noqa: N803, ANN401 - boto3's
        sizes = [sum(len(value) for value in entry.values()) for entry in Entries]
        self.counts["PutEvents"] += 1
        self.counts["events"] += sum(-(-size // UNIT_PUBLISHED) for size in sizes)
        self.counts["bytes published"] += sum(sizes)
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


@dataclass(frozen=True)
class Counted:
    """Of one change of an object of a type: how often each call is made, units and bytes."""

    type: str
    counts: dict[str, float]
    processor_seconds: float
    """On this machine, without the clients of AWS."""

    @property
    def usd(self) -> dict[str, float]:
        """For a million changes, by part; what is stored, for a month."""
        count = self.counts
        return {
            "bus": count["events"] * PRICES["event"].usd,
            "archive": count["bytes published"] * MILLION / GB * PRICES["archived"].usd,
            "archived": count["bytes published"] * MILLION / GB * PRICES["archive storage"].usd,
            "history": count["write units"] * PRICES["write unit"].usd,
            "kept": count["bytes kept"] * MILLION / GB * PRICES["table storage"].usd,
        }


def counted(type_name: str, batch: int) -> Counted:
    """What an update takes in a batch of so many, each of another object."""
    client = CountingClient()
    dependencies = _dependencies(client)
    body = json_body.parse((SAMPLES / f"{type_name}.json").read_text())
    objects = [{**body, "id": f"{body['id']}{number:03}"} for number in range(batch)]
    records = [_record(one, 3) for one in objects]
    started_at = time.process_time()
    asyncio.run(publish_changes(records, dependencies, deadline=dependencies.clock.now() + 60))
    seconds = time.process_time() - started_at
    client.counts["invocations"] = 1
    return Counted(type_name, {name: count / batch for name, count in client.counts.items()}, seconds / batch)


def _dependencies(client: Any) -> ChangesDependencies:  # noqa: ANN401 - stands for clients of boto3
    return ChangesDependencies(
        _Clock(),
        read=lambda raw: raw["record"],
        sequence_of=lambda raw: str(raw["record"].sequence),
        dead_letters=_NoDeadLetters(),
        bus=EventBridgeBus(client, "billing-mirror-changes"),
        history=DynamoHistory(client, "billing-mirror"),
        history_days=400,
    )


class _Clock:
    """It stands still: the records are a few seconds old."""

    def now(self) -> float:
        return FETCHED_AT + 10

    async def sleep(self, seconds: float) -> None:
        raise ValueError(f"something failed, and is tried again after {seconds} s")


class _NoDeadLetters:
    async def quarantine(self, body: str, *, reason: str) -> None:
        raise ValueError(f"{body}: {reason}")


def _record(body: JsonObject, token: int) -> RawRecord:
    before, after = (item_of({**body, "metadata": {"plan": f"gold {at}"}}, at) for at in (token - 1, token))
    key = f"live#{body['id']}"
    stored: tuple[Item, Item] = (before, after)
    return {
        "record": StreamRecord(
            sequence=f"{key} {token}",
            key=key,
            before=stored_object(stored[0]),
            after=stored_object(stored[1]),
        )
    }


CALLS = ("invocations", "PutEvents", "events", "PutItem")


def calls() -> Iterator[str]:
    """The lines of docs/cost.md about calls."""
    alone, batched = (counted("v2.billing.rate_card_subscription", batch).counts for batch in (1, BATCH))
    for name in CALLS:
        yield f"| {name} | {alone[name]:g} | {batched[name]:g} |"


def usd() -> Iterator[str]:
    """The lines of docs/cost.md about USD."""
    for name in TYPES:
        amounts = counted(name, BATCH).usd.values()
        yield f"| `{name}` | {' | '.join(f'{one:.2f}' for one in amounts)} |"


if __name__ == "__main__":
    print(*calls(), "", *usd(), "", sep="\n")
    for name in TYPES:
        print(f"{name}: {counted(name, BATCH).processor_seconds * 1000:.1f} ms of processor time a record")
