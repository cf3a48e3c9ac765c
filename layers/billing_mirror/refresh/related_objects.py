"""What a look at one object makes doubtful about others."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from billing_mirror.core import catalog, json_body
from billing_mirror.core.drift import compare
from billing_mirror.core.items import Observation
from billing_mirror.core.messages import RefreshRequest, write_message
from billing_mirror.core.mirror_state import READ_LAG, UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Mirror, Queue

from .references import referenced_objects

LATELY = 10 * READ_LAG
"""Seconds in which a list is read for the second time: longer than any worker holds on to what it has fetched."""


async def enqueue_related(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror, queue: Queue
) -> None:
    """Queues a refresh of each object that may differ from the mirror, judging by this observation."""
    named = [*_changed_with(ref, observation, head), *await _not_yet_mirrored(ref, observation, mirror)]
    suspicions = [_refresh_request(suspect) for suspect in named]
    async for suspicion in _differing_members(ref, observation, head, mirror):
        suspicions.append(suspicion)
    group = f"{ref.scope}:repair"
    await asyncio.gather(*(queue.send(write_message(suspicion), group=group) for suspicion in suspicions))
    if _may_lack_members(observation, head):
        later = _refresh_request(ref, not_before=observation.fetched_at + READ_LAG)
        await queue.send(write_message(later), group=group, delay=int(READ_LAG))


def _may_lack_members(observation: Observation, head: Head | None) -> bool:
    """Whether lists may still lack what belongs to a new object, or to a new state of one: they are read once more."""
    news = head is None or observation.last_event_at > head.last_event_at or observation.digest != head.digest
    return (bool(observation.member_lists) and _is_new(head)) or (observation.completed and news)


def _changed_with(ref: ObjectRef, observation: Observation, head: Head | None) -> list[ObjectRef]:
    """The object that a new one has changed, where Stripe may not say so itself."""
    changes = ref.object_type.changes
    if changes is None or observation.live is None or not _is_new(head):
        return []
    identifier = json_body.text_at(observation.live, changes.path)
    return [ref.in_same_scope(changes.type, identifier)] if identifier else []


async def _not_yet_mirrored(ref: ObjectRef, observation: Observation, mirror: Mirror) -> list[ObjectRef]:
    """The objects that this one names, of types whose births Stripe may not announce."""
    named = [*referenced_objects(ref, observation.live)]
    known = await mirror.heads(named) if named else {}
    return [one for one in named if one.key not in known or known[one.key].deleted]


async def _differing_members(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror
) -> AsyncIterator[RefreshRequest]:
    """The objects that the subject's lists show otherwise than the mirror does."""
    for type_name, listed in observation.member_lists.items():
        listing = catalog.TYPES[type_name].listing_per(ref.type)
        parent = ref.parent if "{parent}" in listing.url else ref.id
        members = {
            identifier: ref.in_same_scope(type_name, identifier, parent)
            for entry in listed
            if (identifier := json_body.text_at(entry, "id"))
        }
        heads = await mirror.heads(members.values())
        by_id = {identifier: heads[member.key] for identifier, member in members.items() if member.key in heads}
        before = head.members.get(type_name, frozenset()) if head else frozenset()
        for identifier in compare(catalog.TYPES[type_name], listed, by_id):
            # That an old list still names what is gone is no news.
            if not (identifier in before and identifier in by_id and by_id[identifier].deleted):
                yield _refresh_request(members[identifier])
        # What a list has lacked before, it need not lack again: of many versions each has its own rates.
        lacks_more = head is None or head.members.get(type_name) != members.keys()
        if parent is not None and (lacks_more or _looked_lately(observation, head)):
            children = mirror.children(ref.scope, parent, type_name)
            unlisted = [ref.in_same_scope(type_name, one, parent) async for one in children if one not in members]
            for one in unlisted if lacks_more else await _written_late(unlisted, head, mirror):
                yield _refresh_request(one, unlisted=True)


def _looked_lately(observation: Observation, head: Head | None) -> bool:
    return head is not None and abs(observation.fetched_at - head.fetched_at) < LATELY


async def _written_late(refs: Sequence[ObjectRef], head: Head | None, mirror: Mirror) -> list[ObjectRef]:
    """Those that were fetched before the last look at the list, which did not see them: they were not written yet."""
    heads = await mirror.heads(refs)
    return [
        one for one in refs if head is not None and one.key in heads and heads[one.key].fetched_at < head.fetched_at
    ]


def _is_new(head: Head | None) -> bool:
    """Whether this look is the first: what a backfill took from a list has not been looked at."""
    return head is None or head.token == UNCLAIMED_TOKEN


def _refresh_request(suspect: ObjectRef, *, not_before: float = 0.0, unlisted: bool = False) -> RefreshRequest:
    return RefreshRequest(
        livemode=suspect.scope.livemode,
        context=suspect.scope.context,
        type=suspect.type,
        id=suspect.id,
        parent=suspect.parent,
        not_before=not_before,
        unlisted=unlisted,
    )
