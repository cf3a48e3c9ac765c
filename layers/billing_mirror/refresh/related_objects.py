"""Which other objects may differ from the mirror, judging by one fetched object."""

import asyncio

from billing_mirror.core import json_body
from billing_mirror.core.events.messages import RefreshRequest
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import READ_LAG, UNCLAIMED_TOKEN, Head
from billing_mirror.ports import Mirror

from .follow_ups import FollowUps
from .from_lists import insert_new, needs_no_fetch
from .members import DifferingMember, differing_members
from .references import not_mirrored, references


def refresh_request(ref: ObjectRef, *, unlisted: bool = False, digest: str = "") -> RefreshRequest:
    """The message that has an object fetched.

    With a ``digest``, only where the mirror has no such state by then.
    """
    return RefreshRequest(
        livemode=ref.scope.livemode,
        context=ref.scope.context,
        type=ref.type,
        id=ref.id,
        parent=ref.parent,
        unlisted=unlisted,
        digest=digest,
    )


async def enqueue_related(
    ref: ObjectRef, token: int, observation: Observation, head: Head | None, mirror: Mirror, follow_ups: FollowUps
) -> None:
    """Queues a refresh of each object that may differ from the mirror, judging by this observation.

    New members that need no fetch are stored instead, after what corrects them was queued: the lists read once more.
    """
    group = f"{ref.scope}:repair"
    if request := _second_look(ref, token, observation, head):
        await follow_ups.send(request, group=group, delay=int(READ_LAG))
    differing = [one async for one in differing_members(ref, observation, head, mirror, follow_ups)]
    may_store = _may_store_members(head, follow_ups)
    new = {one.ref: one.shown for one in differing if may_store and one.shown and needs_no_fetch(one.ref, one.shown)}
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


def _may_store_members(head: Head | None, follow_ups: FollowUps) -> bool:
    """Whether the lists are read once more, which corrects what a stale one has brought."""
    return _is_first_fetch(head) and not follow_ups.are_due


def _second_look(ref: ObjectRef, token: int, observation: Observation, head: Head | None) -> RefreshRequest | None:
    """The request to read lists once more that may still lag: of a new object, or of a new state."""
    has_members = bool(observation.member_lists or observation.left_out)
    members = ref.object_type.members if has_members and _is_first_fetch(head) else ()
    completed = observation.completed if _is_new_state(token, observation, head) else ()
    if not members and not completed:
        return None
    request = refresh_request(ref)
    # The next fetch of another state looks again at what completes that state, and not at lists of members.
    lists_of = "" if members else observation.digest
    return request.model_copy(update={"lists": (*members, *completed), "lists_of": lists_of})


def _is_new_state(token: int, observation: Observation, head: Head | None) -> bool:
    """Whether the mirror did not hold this state before, or may hold another one meanwhile.

    A token that was claimed in between may be that of another state, whose request ends the one for this state.
    """
    if head is None or head.follow_ups_due or token != head.token + 1:
        return True
    return observation.last_event_at > head.last_event_at or observation.digest != head.digest


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
