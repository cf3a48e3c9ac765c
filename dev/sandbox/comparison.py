"""Does the table equal the stand-in? Compares object by object, from both sides."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing_mirror.adapters.table.attributes import body_in, from_attributes
from billing_mirror.adapters.table.chunks import with_whole_body
from billing_mirror.core import catalog, json_body, object_ref
from billing_mirror.core.json_body import JsonObject, differing_fields
from billing_mirror.core.table.items import OBJECT, Item
from dev.fake_stripe.client import StandIn

if TYPE_CHECKING:  # a tool for types: no program may need it
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = frozenset({catalog.USAGE.name, *(object_type.name for object_type in catalog.EVENT_OBJECTS.values())})
"""Types that the mirror builds from events or usage: the stand-in has no such objects to compare with."""


@dataclass(frozen=True)
class Difference:
    """One object that differs between the table and Stripe."""

    type: str
    id: str
    problem: str


@dataclass(frozen=True)
class Comparison:
    """Counts by type, and differences. ``without_events`` counts objects of types that no event has named.

    ``by_account`` counts the objects of each connected account; those of the key's own have an empty name.
    """

    alive: Mapping[str, int]
    removed: Mapping[str, int]
    differences: list[Difference]
    without_events: Mapping[str, int]
    by_account: Mapping[str, int]

    @property
    def is_equal(self) -> bool:
        return not self.differences

    @property
    def objects(self) -> int:
        return sum(self.alive.values()) + sum(self.removed.values())


def compare(stand_in: StandIn, dynamodb: "DynamoDBClient", table: str) -> Comparison:
    """Compares every object of the stand-in with the table, and every item with the stand-in, in all accounts.

    Objects of a type that sends no events, and that no object names, cannot be mirrored from events: they are counted
    apart.
    """
    items = _objects_in(dynamodb, table)
    truth = stand_in.objects()
    events = stand_in.events()
    announced = (
        {event["related_object"]["type"] for event in events if event.get("related_object")}
        | {catalog.RESOURCES.get(event["type"].rpartition(".")[0], "") for event in events}
        | {str(item["type"]) for item in items.values()}
        | {reference.type for object_type in catalog.TYPES.values() for reference in object_type.references}
    )
    alive: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    without_events: Counter[str] = Counter()
    by_account: Counter[str] = Counter()
    differences: list[Difference] = []
    for one in truth:
        item = items.pop(_key(one), None)
        if one["type"] not in announced:
            without_events[one["type"]] += 1
            continue
        exists = one["body"] is not None and not one["body"].get("deleted")
        (alive if exists else removed)[one["type"]] += 1
        by_account[json_body.text_at(one, "context") or ""] += 1
        problem = _problem(one["body"] if exists else None, item)
        if problem:
            differences.append(Difference(one["type"], one["id"], problem))
    differences += _unknown_to_stripe(items.values())
    return Comparison(alive, removed, differences, without_events, by_account)


def _problem(body: JsonObject | None, item: Item | None) -> str:
    held = item is not None and item.get("deleted") is not True
    if body is None:
        return "removed at Stripe, alive in the table" if held else ""
    if item is None:
        return "missing in the table"
    if not held:
        return "alive at Stripe, removed in the table"
    fields = differing_fields(body_in(item) or {}, body)
    return f"{' and '.join(fields)} differ" if fields else ""


def _unknown_to_stripe(items: Iterable[Item]) -> list[Difference]:
    return [
        Difference(str(item["type"]), str(item["id"]), "unknown to Stripe")
        for item in items
        if item["type"] not in KEPT
    ]


def _key(one: JsonObject) -> str:
    context = json_body.text_at(one, "context")
    scope = object_ref.Scope(bool(one["livemode"]), context)
    return object_ref.partition_key_of(str(scope), str(one["type"]), str(one["id"]))


def _objects_in(dynamodb: "DynamoDBClient", table: str) -> dict[str, Item]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = (from_attributes(item) for page in pages for item in page["Items"])
    objects = (item for item in items if item["sk"] == OBJECT)
    return {str(item["pk"]): with_whole_body(dynamodb, table, item) for item in objects}
