"""The counters of objects: each claim takes the next number, and leaves the events that it follows."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from billing_mirror.core import times
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import CLAIM, Item, last_event_columns, last_events_in
from billing_mirror.core.table.mirror_state import (
    CLAIMS_KEPT,
    EVENTS_COMPARED,
    NO_EVENTS,
    AlreadyClaimed,
    LastEvents,
    ends_at,
    latest_events,
)

from .attributes import from_attributes, integer, to_attributes
from .conditional_write import answer_if, write_if

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateItemInputTypeDef

CLAIM_EVENTS = tuple(f"events_{number}" for number in range(1, CLAIMS_KEPT + 1))
"""The events of the last claims that had any, the newest first."""
KEEP_EVENTS = (
    "".join(f", {older} = if_not_exists({newer}, :none)" for newer, older in pairwise(CLAIM_EVENTS))
    + f", {CLAIM_EVENTS[0]} = :events"
)
"""Moves the events of earlier claims on: an expression reads the item as it was before."""


class DynamoCounters:
    """Implements the claims of ``ports.Mirror``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def claim(
        self, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
    ) -> tuple[int, LastEvents]:
        keep = ""
        values: Item = {":one": 1, ":at": times.iso(now)}
        if events.last_event_at:
            keep = KEEP_EVENTS
            values |= {":events": last_event_columns(events), ":none": {}}
        request: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": to_attributes({"pk": ref.key, "sk": CLAIM}),
            "UpdateExpression": f"ADD claimed :one SET claimed_at = :at{keep}",
            "ReturnValues": "ALL_OLD",
        }
        if unless_since < inf and 0 < len(events.last_event_ids) <= EVENTS_COMPARED:
            request["ConditionExpression"], compared = _unless_followed(events, unless_since)
            values |= compared
        request["ExpressionAttributeValues"] = to_attributes(values)
        answer = await answer_if(lambda: self._client.update_item(**request))
        if answer is None:
            raise AlreadyClaimed
        before = from_attributes(answer.get("Attributes", {}))
        kept = [one for name in CLAIM_EVENTS if isinstance(one := before.get(name), dict)]
        earlier = latest_events(NO_EVENTS, *map(last_events_in, kept))
        return (integer(before, "claimed") if "claimed" in before else 0) + 1, earlier

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        await self._set_if(
            "attribute_not_exists(claimed) OR claimed < :number",
            ref,
            least,
            "claimed = :number, claimed_at = if_not_exists(claimed_at, :never)",
        )

    async def release_claim(self, ref: ObjectRef, token: int) -> None:
        await self._set_if("claimed = :number", ref, token, "claimed_at = :never")

    async def _set_if(self, condition: str, ref: ObjectRef, number: int, columns: str) -> None:
        await write_if(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=to_attributes({"pk": ref.key, "sk": CLAIM}),
                UpdateExpression=f"SET {columns}",
                ConditionExpression=condition,
                ExpressionAttributeValues=to_attributes({":number": number, ":never": times.iso(0.0)}),
            )
        )


def _unless_followed(events: LastEvents, since: float) -> tuple[str, Item]:
    """The condition that no recent claim follows the events (``mirror_state.follows_events``), and its values."""
    ids = {f":id{number}": name for number, name in enumerate(events.last_event_ids)}
    known = [_any_claim(f"{{0}}.last_event_id = {one} OR contains({{0}}.other_event_ids, {one})") for one in ids]
    all_known = " AND ".join(f"({one})" for one in known) if len(known) > 1 else known[0]
    later = _any_claim("{0}.last_event_at >= :end")
    condition = f"NOT (claimed_at > :since AND ({later} OR {all_known}))"
    return condition, {":since": times.iso(since), ":end": times.iso(ends_at(events.last_event_at)), **ids}


def _any_claim(condition: str) -> str:
    return " OR ".join(condition.format(name) for name in CLAIM_EVENTS)
