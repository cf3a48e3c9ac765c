"""Stripe's side of a scenario: objects, lists and events, and the requests that process makes because of them.

Nothing here reads a clock or a network: the same scenario costs the same requests each time.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode, urlsplit

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.table.mirror_state import READ_LAG
from tests.doubles.samples import event
from tests.doubles.stripe import RecordedRequest
from tests.unit.harness import Harness

MINUTES = 12
"""After which nothing is on its way any more."""
EVENTS = "/v2/core/events"


class Cause(StrEnum):
    """Why a request was made, by its URL and what was requested before."""

    OBJECT = "object"
    OBJECT_AGAIN = "object again"
    REFERENCE = "reference"
    """An object that no event has announced."""
    EVENT = "event lookup"
    MEMBER_LIST = "member list"
    SUB_LIST = "sub-list"
    SECOND_LOOK = "second look"
    """Whatever is requested a minute later or more."""


@dataclass
class Account:
    """An account and the mirror that follows it. ``containers`` receive up to ``batch`` messages each, at once."""

    batch: int = 50
    containers: int = 1
    harness: Harness = field(default_factory=Harness)
    counts: Counter[Cause] = field(default_factory=Counter)
    changed: int = 0
    """Objects that the changes concerned; in each round once."""

    def __post_init__(self) -> None:
        self.harness.stripe.show_previews()
        self._announced: set[str] = set()
        self._changed: set[str] = set()
        self._events: list[str] = []
        self._delivered: list[str] = []

    def put(
        self,
        type_name: str,
        identifier: str,
        url: str,
        fields: JsonObject,
        *events: str,
        spelled: str = "",
        data: Mapping[str, Json] | None = None,
    ) -> JsonObject:
        """Creates or changes the object at ``url``. Its events name the URL as ``spelled``, and show ``data``."""
        stripe, now = self.harness.stripe, self.harness.clock.now()
        made: JsonObject = {"id": identifier, "object": type_name, "livemode": False, "created": times.iso(now)}
        stripe.objects[url] = body = {**made, **stripe.objects.get(url, {}), **fields}
        self._changed.add(url)
        for name in events:
            text = event(f"{TYPES[type_name].resources[0]}.{name}", body, url=spelled or url, at=now)
            made = json_body.parse(text)
            stripe.objects[f"{EVENTS}/{made['id']}"] = {**made, "data": dict(data or {})}
            self._announced.add(url)
            self._events.append(text)
        self.harness.clock.advance(0.001)
        return body

    def put_list(self, path: str, entries: Sequence[JsonObject], **query: str) -> None:
        """What a list shows."""
        self.harness.stripe.lists[f"{path}?{urlencode(query)}" if query else path] = [*entries]

    async def deliver(self) -> None:
        """Delivers the events of the changes since the last call, and works on what is to be done at once."""
        self.changed += len(self._changed)
        events, self._events, self._changed = self._events, [], set()
        self._delivered += events
        await self._deliver(events)

    async def settle(self) -> None:
        """The same, and works until nothing is on its way."""
        await self.deliver()
        for _ in range(MINUTES):
            self.harness.clock.advance(READ_LAG + 1)
            await self._work(is_late=True)
        assert (self.harness.queue.waiting, self.harness.queue.quarantined) == ([], [])

    async def redeliver(self) -> None:
        """Delivers all events once more, and works until nothing is on its way."""
        await self._deliver(self._delivered)
        await self.settle()

    async def _deliver(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            await self.harness.queue.send(body, group="test:webhook")
        await self._work()

    async def _work(self, *, is_late: bool = False) -> None:
        before, seen = len(self.harness.stripe.requests), set[str]()
        while any(one.visible_at <= self.harness.clock.now() for one in self.harness.queue.waiting):
            await asyncio.gather(*(self.harness.work(most=self.batch) for _ in range(self.containers)))
            self.harness.clock.advance(0.5)
        for request in self.harness.stripe.requests[before:]:
            self.counts[Cause.SECOND_LOOK if is_late else self._cause(request, seen)] += 1
            seen.add(request.path)

    def _cause(self, request: RecordedRequest, seen: set[str]) -> Cause:
        path = urlsplit(request.url).path
        if path.startswith(f"{EVENTS}/"):
            return Cause.EVENT
        if "limit" in request.query:
            return Cause.SUB_LIST if path.endswith("/lines") else Cause.MEMBER_LIST
        if path in seen:
            return Cause.OBJECT_AGAIN
        return Cause.OBJECT if path in self._announced else Cause.REFERENCE

    def require_equal(self) -> None:
        """Raises where the mirror does not hold what Stripe shows of every object."""
        for url, body in self.harness.stripe.objects.items():
            if url.startswith(EVENTS):
                continue
            [held] = [item for item in self.harness.mirror.objects.values() if item["id"] == body["id"]]
            held_body = self.harness.mirror.body_of(f"test#{body['id']}") or held["data"]
            assert isinstance(held_body, dict)
            assert {**held_body, "lines": None} == {**body, "lines": None}
