"""Which members of an object differ from the mirror, judging by the lists that were read with the object."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from billing_mirror.core import catalog, json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.brake import are_too_many
from billing_mirror.core.runs.drift import compare
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import READ_LAG, Head
from billing_mirror.ports import Mirror

from .follow_ups import FollowUps

REMOVALS_HELD = (
    "the object's list lacks more of its members than may be removed without a person's word; "
    "they are left to a verify run of their type"
)
RECENT = 10 * READ_LAG
"""Seconds within which a list is read for the second time: longer than any worker keeps what it has fetched."""


@dataclass(frozen=True, slots=True)
class DifferingMember:
    """A member, and what its list shows of it; None where the list lacks it."""

    ref: ObjectRef
    shown: JsonObject | None = None


async def differing_members(
    ref: ObjectRef, observation: Observation, head: Head | None, mirror: Mirror, follow_ups: FollowUps
) -> AsyncIterator[DifferingMember]:
    """The members of an object of which list and mirror disagree. ``head`` is the mirror's state of the object."""
    for type_name, entries in observation.member_lists.items():
        listing = catalog.TYPES[type_name].listing_per(ref.type)
        parent = ref.parent if "{parent}" in listing.url else ref.id
        members = _members(ref, type_name, entries, parent)
        before = head.members.get(type_name) if head and not head.follow_ups_due else None
        for identifier in await _changed_members(type_name, entries, members, before or frozenset(), mirror):
            yield DifferingMember(*members[identifier])
        # An unchanged list needs no second check: each of many versions has its own rates.
        is_new_list = before != members.keys()
        if parent is not None and (is_new_list or _was_fetched_recently(observation, head)):
            children = mirror.children(ref.scope, parent, type_name)
            mirrored = [ref.in_same_scope(type_name, one, parent) async for one in children]
            unlisted = [one for one in mirrored if one.id not in members]
            if not is_new_list:
                unlisted = await _written_late(unlisted, head, mirror)
            formerly = head.members.get(type_name, frozenset()) if head else frozenset()
            for one in _believable(unlisted, formerly, len(mirrored), follow_ups):
                yield DifferingMember(one)


def _believable(
    unlisted: Sequence[ObjectRef], formerly: frozenset[str], mirrored: int, follow_ups: FollowUps
) -> list[ObjectRef]:
    """The objects that a list lacks, as far as it may have them removed: a list can be empty by mistake.

    ``formerly`` are the ids on the mirrored list. What was never on it is of other owners, most likely.
    """
    lost = [one for one in unlisted if one.id in formerly]
    never_listed = [one for one in unlisted if one.id not in formerly]
    if are_too_many(len(lost), len(formerly)):
        follow_ups.removals_are_held = True
        lost = []
    return lost if are_too_many(len(never_listed), mirrored) else [*lost, *never_listed]


def _members(
    ref: ObjectRef, type_name: str, entries: Sequence[JsonObject], parent: str | None
) -> dict[str, tuple[ObjectRef, JsonObject]]:
    """The objects on a list, by id, and what it shows of each."""
    by_id = {identifier: entry for entry in entries if (identifier := json_body.text_at(entry, "id"))}
    return {one: (ref.in_same_scope(type_name, one, parent), entry) for one, entry in by_id.items()}


async def _changed_members(
    type_name: str,
    entries: Sequence[JsonObject],
    members: Mapping[str, tuple[ObjectRef, JsonObject]],
    before: frozenset[str],
    mirror: Mirror,
) -> list[str]:
    """The ids of members that the list shows otherwise than the mirror; ``before`` are those of the mirrored list.

    A tombstone that the mirrored list already named is no difference: an old list keeps naming deleted members.
    """
    heads = await mirror.heads(member for member, _ in members.values())
    by_id = {identifier: heads[member.key] for identifier, (member, _) in members.items() if member.key in heads}
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
