"""How does a mirror know objects before a scenario starts? As if their events had been processed long ago."""

import asyncio
import time
from collections.abc import Mapping

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core import catalog
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.table import items
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.refresh.references import customer_or_owner
from dev.benchmarks.events.model.stack import Stack

SCOPE = Scope(livemode=False)
BEFORE = 3600.0
"""Seconds before now at which what is seeded was fetched."""


def seed(stack: Stack, known: set[str]) -> dict[str, Item]:
    """Stores what the stand-in has and ``known`` does not name, and adds it to ``known``; by partition key."""
    if not stack.variant.is_ours:
        return {}  # the naive handlers look nothing up
    bodies = {str(one["id"]): one["body"] for one in stack.stripe.objects() if one["type"] in catalog.TYPES}
    stored = asyncio.run(_store({name: bodies[name] for name in bodies.keys() - known}, bodies, stack))
    known.update(bodies)
    return stored


async def _store(new: Mapping[str, JsonObject], bodies: Mapping[str, JsonObject], stack: Stack) -> dict[str, Item]:
    mirror, fetched_at = DynamoMirror(stack.dynamodb, stack.table), time.time() - BEFORE
    slots = asyncio.Semaphore(8)

    async def store(identifier: str, body: JsonObject) -> tuple[str, Item]:
        object_type = catalog.TYPES[str(body["object"])]
        parent = body.get(object_type.parent or "") if object_type.nested else None
        ref = ObjectRef(SCOPE, object_type, identifier, str(parent) if parent else None)
        async with slots:
            token, _ = await mirror.claim(ref, fetched_at)
            members: dict[str, tuple[JsonObject, ...]] = dict.fromkeys(object_type.members, ())
            observation = Observation(
                fetched_at, "2026-10-28.preview", "req_1", body, digest(object_type, body), members
            )
            item = items.item(ref, observation, _customer(ref, body, bodies))
            await mirror.put(ref, token, item)
        return ref.key, item

    return dict(await asyncio.gather(*(store(*one) for one in new.items())))


def _customer(ref: ObjectRef, body: JsonObject, bodies: Mapping[str, JsonObject]) -> str | None:
    found = customer_or_owner(ref, body)
    if isinstance(found, ObjectRef):
        return _customer(found, bodies[found.id], bodies) if found.id in bodies else None
    return found
