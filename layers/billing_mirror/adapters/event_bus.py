"""The stack's event bus."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypedDict

from botocore.exceptions import ClientError

from billing_mirror.core.errors import TransientError
from billing_mirror.ports import BusEvent

from .aws import transient_errors

SERVICE = "EventBridge"
SOURCE = "billing-mirror"


class Entry(TypedDict):
    Source: str
    DetailType: str
    Detail: str
    EventBusName: str


class EntryResult(TypedDict, total=False):
    EventId: str
    ErrorCode: str


class Answer(TypedDict):
    Entries: list[EntryResult]


class EventBridgeClient(Protocol):
    """The part of boto3's client that is used."""

    def put_events(self, *, Entries: Sequence[Entry]) -> Answer:  # noqa: N803 - boto3's name
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class EventBridgeBus:
    """Implements ``ports.EventBus``."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    async def put(self, events: Sequence[BusEvent]) -> Sequence[str]:
        entries: list[Entry] = [
            {
                "Source": SOURCE,
                "DetailType": event.detail_type,
                "Detail": event.detail,
                "EventBusName": self._name,
            }
            for event in events
        ]
        with transient_errors(SERVICE):
            try:
                answer = await asyncio.to_thread(lambda: self._client.put_events(Entries=entries))
            except ClientError as error:
                # The size is bounded and the JSON is our own: what EventBridge refuses, it refuses for now.
                code = error.response.get("Error", {}).get("Code", "")
                raise TransientError(f"{SERVICE} answered {code}") from error
        return [_problem(entry.get("ErrorCode")) for entry in answer["Entries"]]


def _problem(code: str | None) -> str:
    return f"{SERVICE} did not take an event: {code}" if code else ""
