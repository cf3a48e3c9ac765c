"""Whether lists that were read too early show by now what the mirror holds: then nothing is fetched.

v2 lists lag, and so may the lists inside v1 objects. Nothing is written here: a difference leads to a fetch under a
claim, and so does a worker that may still write an older answer.
"""

from collections.abc import Sequence

from billing_mirror.core import json_body
from billing_mirror.core.catalog import Sublist
from billing_mirror.core.events.messages import RefreshRequest
from billing_mirror.core.json_body import Json
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head, is_last_claim
from billing_mirror.ports import Ports
from billing_mirror.refresh.fetch import fetch_member_lists, fetch_sublist
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.members import differing_members

from .already_fresh import is_answered
from .messages import ProcessDependencies, WorkItem


def is_second_look(item: WorkItem) -> bool:
    """Whether the message asks for nothing but the lists."""
    return isinstance(item.message, RefreshRequest) and bool(item.message.lists)


async def shows_lists(
    ref: ObjectRef, messages: Sequence[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> bool:
    """Whether all that is asked is that lists are read once more, and they are as the mirror holds them."""
    requests = [item.message for item in messages if isinstance(item.message, RefreshRequest) and is_second_look(item)]
    others = [item for item in messages if not is_second_look(item)]
    if not requests or head is None or head.deleted or head.follow_ups_due or head.missing_fields:
        return False
    if others and not is_answered(others, head, margin=dependencies.clock_skew_margin):
        return False
    claims = await dependencies.ports.mirror.claims([ref])
    if not is_last_claim(head, claims.get(ref.key)):
        return False  # an answer that is still on its way may have the older lists
    lists = {name for request in requests for name in request.lists}
    members = [name for name in ref.object_type.members if name in lists]
    sublists = [one for one in ref.object_type.sublists if one.path in lists]
    return await _shows_members(ref, members, head, dependencies.ports) and await _shows_sublists(
        ref, sublists, dependencies.ports
    )


async def _shows_members(ref: ObjectRef, names: Sequence[str], head: Head, ports: Ports) -> bool:
    """Whether the lists of members have the ids that the mirror holds, and the mirror these members."""
    started = ports.clock.now()
    lists = await fetch_member_lists(ref, names, ports.stripe, may_be_missing=True)
    seen = Observation(started, head.stripe_version, "", member_lists=lists)
    if any(ids != head.members.get(name, frozenset()) for name, ids in items.members(seen).items()):
        return False
    async for _ in differing_members(ref, seen, head, ports.mirror, FollowUps(ports.queue, 0)):
        return False
    return True


async def _shows_sublists(ref: ObjectRef, sublists: Sequence[Sublist], ports: Ports) -> bool:
    """Whether the mirrored body has these lists."""
    body = await ports.mirror.body(ref) if sublists else None
    for sublist in sublists:
        shown: Json = [*await fetch_sublist(ref, sublist, ports.stripe)]
        held = json_body.value_at(body, sublist.path)
        if not isinstance(held, dict) or json_body.digest(held.get("data")) != json_body.digest(shown):
            return False
    return True
