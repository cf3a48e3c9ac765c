"""Which other objects may differ from the mirror, judging by one fetched object."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from billing_mirror.core import catalog, json_body
from billing_mirror.core.drift import compare
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import RefreshRequest
from billing_mirror.core.mirror_state import READ_LAG, UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Mirror

from .follow_ups import FollowUps
from .references import not_mirrored, references

RECENT = 10 * READ_LAG
"""Seconds within which a list is read for the second time: longer than any worker keeps what it has fetched."""


def refresh_request(ref: ObjectRef, *, not_before: float = 0.0, unlisted: bool = False) -> RefreshRequest:
    """The message that has an object fetched, not before a time (seconds since 1970)."""
    return RefreshRequest(
        livemode=ref.scope.livemode,
        context=ref.scope.context,
        type=ref.type,
        id=ref.id,
        parent=ref.parent,
        not_before=not_before,
        unlisted=unlisted,
    )


async def enqueue_related(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror, follow_ups: FollowUps
) -> None:
    """Queues a refresh of each object that may differ from the mirror, judging by this observation."""
    named = await not_mirrored(references(ref, observation.live), mirror, deleted_too=True)
    related = [*_changed_with(ref, observation, head), *named]
    requests = [refresh_request(one) for one in related]
    async for request in _differing_members(ref, observation, head, mirror):
        requests.append(request)
    group = f"{ref.scope}:repair"
    await asyncio.gather(*(follow_ups.send(request, group=group) for request in requests))
    if _may_lack_members(observation, head):
        again = refresh_request(ref, not_before=observation.fetched_at + READ_LAG)
        await follow_ups.send(again, group=group, delay=int(READ_LAG))


def _may_lack_members(observation: Observation, head: Head | None) -> bool:
    """Whether the lists may still lack members of a new object, or of a new state: they are then read once more."""
    is_new_state = (
        head is None
        or head.follow_ups_due
        or observation.last_event_at > head.last_event_at
        or observation.digest != head.digest
    )
    return (bool(observation.member_lists) and _is_first_fetch(head)) or (observation.completed and is_new_state)


def _changed_with(ref: ObjectRef, observation: Observation, head: Head | None) -> list[ObjectRef]:
    """The object that the creation of this one changes, where Stripe may send no event for it."""
    changes = ref.object_type.changes
    if changes is None or observation.live is None or not _is_first_fetch(head):
        return []
    identifier = json_body.text_at(observation.live, changes.path)
    return [ref.in_same_scope(changes.type, identifier)] if identifier else []


async def _differing_members(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror
) -> AsyncIterator[RefreshRequest]:
    """Requests for the members of the object whose list and mirror disagree."""
    for type_name, entries in observation.member_lists.items():
        listing = catalog.TYPES[type_name].listing_per(ref.type)
        parent = ref.parent if "{parent}" in listing.url else ref.id
        members = _members(ref, type_name, entries, parent)
        before = head.members.get(type_name) if head and not head.follow_ups_due else None
        for identifier in await _changed_members(type_name, entries, members, before or frozenset(), mirror):
            yield refresh_request(members[identifier])
        # An unchanged list needs no second check: each of many versions has its own rates.
        is_new_list = before != members.keys()
        if parent is not None and (is_new_list or _was_fetched_recently(observation, head)):
            children = mirror.children(ref.scope, parent, type_name)
            unlisted = [ref.in_same_scope(type_name, one, parent) async for one in children if one not in members]
            for one in unlisted if is_new_list else await _written_late(unlisted, head, mirror):
                yield refresh_request(one, unlisted=True)


def _members(ref: ObjectRef, type_name: str, entries: Sequence[JsonObject], parent: str | None) -> dict[str, ObjectRef]:
    """The objects on a list, by id."""
    ids = (json_body.text_at(entry, "id") for entry in entries)
    return {identifier: ref.in_same_scope(type_name, identifier, parent) for identifier in ids if identifier}


async def _changed_members(
    type_name: str,
    entries: Sequence[JsonObject],
    members: Mapping[str, ObjectRef],
    before: frozenset[str],
    mirror: Mirror,
) -> list[str]:
    """The ids of members that the list shows otherwise than the mirror; ``before`` are those of the mirrored list.

    A tombstone that the mirrored list already named is no difference: an old list keeps naming deleted members.
    """
    heads = await mirror.heads(members.values())
    by_id = {identifier: heads[member.key] for identifier, member in members.items() if member.key in heads}
    tombstones = {identifier for identifier, held in by_id.items() if held.deleted}
    return [one for one in compare(catalog.TYPES[type_name], entries, by_id) if one not in before & tombstones]


def _was_fetched_recently(observation: Observation, head: Head | None) -> bool:
    return head is not None and abs(observation.fetched_at - head.fetched_at) < RECENT


async def _written_late(refs: Sequence[ObjectRef], head: Head | None, mirror: Mirror) -> list[ObjectRef]:
    """The objects that were fetched before the mirrored fetch of their list, and written only after that fetch."""
    heads = await mirror.heads(refs)
    return [
        one for one in refs if head is not None and one.key in heads and heads[one.key].fetched_at < head.fetched_at
    ]


def _is_first_fetch(head: Head | None) -> bool:
    """Whether the object was never fetched, as backfill inserts it from a list; or what followed was left out."""
    return head is None or head.token == UNCLAIMED_TOKEN or head.follow_ups_due
