"""Stripe, in memory: objects at paths, and lists of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from billing_mirror.core import body as bodies
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Gone
from billing_mirror.flows.ports import Answer


@dataclass(frozen=True)
class Asked:
    """One request that was made."""

    path: str
    api: ApiLine
    context: str | None
    include: tuple[str, ...]


@dataclass
class MemoryStripe:
    """Implements ``flows.ports.Stripe``.

    ``objects`` are bodies by path; ``lists`` are bodies by path with its filters, ``limit`` left out.
    ``before_answer`` runs between the reading of a body and its return: the place for a race.
    """

    livemode: bool = False
    objects: dict[str, JsonObject] = field(default_factory=dict)
    lists: dict[str, list[JsonObject]] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """Raised one after the other, before anything is answered."""
    asked: list[Asked] = field(default_factory=list)
    before_answer: Callable[[str], Awaitable[None]] | None = None

    def version(self, api: ApiLine) -> str:
        return f"2026-01-01.{api}"

    async def get(
        self,
        path: str,
        *,
        api: ApiLine,
        context: str | None,
        include: Sequence[str] = (),
        event: str | None = None,  # noqa: ARG002 - part of the port
    ) -> Answer:
        self.asked.append(Asked(path, api, context, tuple(include)))
        await asyncio.sleep(0)  # others get their turn, as they would
        if self.failures:
            raise self.failures.pop(0)
        text = json.dumps(self._body(path))
        if self.before_answer is not None:
            await self.before_answer(path)
        return Answer(bodies.read(text), text, self.version(api), f"req_{len(self.asked)}")

    def _body(self, path: str) -> JsonObject:
        if path in self.objects:
            return self.objects[path]
        parts = urlsplit(path)
        filters = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("limit="))
        name = f"{parts.path}?{filters}" if filters else parts.path
        if name not in self.lists:
            raise Gone(f"nothing at {path}")
        return {"data": list(self.lists[name]), "next_page_url": None, "previous_page_url": None}
