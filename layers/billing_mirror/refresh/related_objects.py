"""Which other objects may differ from the mirror, judging by one fetched object."""

import asyncio

from billing_mirror.core import json_body
from billing_mirror.core.drift import digest
from billing_mirror.core.items import Observation
from billing_mirror.core.messages import RefreshRequest
from billing_mirror.core.mirror_state import READ_LAG, UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Mirror

from .follow_ups import FollowUps
from .from_lists import insert_new, needs_no_fetch
from .members import DifferingMember, differing_members
from .references import not_mirrored, references


def refresh_request(
    ref: ObjectRef, *, not_before: float = 0.0, unlisted: bool = False, digest: str = ""
) -> RefreshRequest:
    """The message that has an object fetched, not before a time (seconds since 1970).

    With a ``digest``, only where the mirror has no such state by then.
    """
    return RefreshRequest(
        livemode=ref.scope.livemode,
        context=ref.scope.context,
        type=ref.type,
        id=ref.id,
        parent=ref.parent,
        not_before=not_before,
        unlisted=unlisted,
        digest=digest,
    )


async def enqueue_related(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror, follow_ups: FollowUps
) -> None:
    """Queues a refresh of each object that may differ from the mirror, judging by this observation.

    New members that need no fetch are stored instead, after what corrects them was queued: the lists read once more.
    """
    group = f"{ref.scope}:repair"
    if _may_lack_members(observation, head):
        again = refresh_request(ref, not_before=observation.fetched_at + READ_LAG)
        await follow_ups.send(again, group=group, delay=int(READ_LAG))
    differing = [one async for one in differing_members(ref, observation, head, mirror, follow_ups)]
    may_insert = _is_first_fetch(head) and not follow_ups.are_due
    new = {one.ref: one.shown for one in differing if may_insert and one.shown and needs_no_fetch(one.ref, one.shown)}
    named = [other for one, body in [(ref, observation.live), *new.items()] for other in references(one, body)]
    related = [*_changed_with(ref, observation, head), *await not_mirrored(named, mirror, deleted_too=True)]
    await asyncio.gather(*(follow_ups.send(refresh_request(one), group=group) for one in related))
    stored = await insert_new(new, observation, mirror)
    requests = [_request(one) for one in differing if one.ref not in stored]
    await asyncio.gather(*(follow_ups.send(one, group=group) for one in requests))


def _request(member: DifferingMember) -> RefreshRequest:
    """Not fetched where the mirror shows by then what the list has shown."""
    if member.shown is None:
        return refresh_request(member.ref, unlisted=True)
    return refresh_request(member.ref, digest=digest(member.ref.object_type, member.shown))


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


def _is_first_fetch(head: Head | None) -> bool:
    """Whether the object was never fetched, as backfill inserts it from a list; or what followed was left out."""
    return head is None or head.token == UNCLAIMED_TOKEN or head.follow_ups_due
