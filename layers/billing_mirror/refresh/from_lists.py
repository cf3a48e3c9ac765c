"""Store what a list shows without a fetch: only what the mirror has never seen, under the token below every claim.

A list may be stale. Every claimed token is higher, so what a list has shown never replaces what a fetch has stored.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel, ObjectType
from billing_mirror.core.errors import PermanentError, TransientError, UnstorableObject
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.stripe_api import on_request
from billing_mirror.core.table import items
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.ports import Mirror

from .references import customer_or_owner
from .repeated_write import is_stored

WRITES_AT_ONCE = 8
Stored: TypeAlias = bool | UnstorableObject | TransientError
"""Whether an object is stored, or why it is not known or cannot be."""


async def store_unclaimed(new: Mapping[ObjectRef, Item], mirror: Mirror) -> dict[ObjectRef, Stored]:
    """Stores objects that the mirror has never seen, under the token below every claim.

    After the first ``TransientError`` it starts no further write: what is left has that error, too.
    """
    inserted = await mirror.insert(new) if new else set()
    left = [ref for ref in new if ref not in inserted]
    slots, errors = asyncio.Semaphore(WRITES_AT_ONCE), list[TransientError]()

    async def put(ref: ObjectRef) -> Stored:
        async with slots:
            if errors:
                return errors[0]
            stored = await _put_unclaimed(ref, new[ref], mirror)
        if isinstance(stored, TransientError):
            errors.append(stored)
        return stored

    return dict.fromkeys(inserted, True) | dict(zip(left, await asyncio.gather(*map(put, left)), strict=True))


async def _put_unclaimed(ref: ObjectRef, item: Item, mirror: Mirror) -> Stored:
    try:
        return await mirror.put(ref, UNCLAIMED_TOKEN, item) or await is_stored(mirror, ref, UNCLAIMED_TOKEN, item)
    except (UnstorableObject, TransientError) as error:
        return error


def raise_transient(outcomes: Iterable[Stored]) -> None:
    """Raises the first ``TransientError`` of these."""
    for one in outcomes:
        if isinstance(one, TransientError):
            raise one


def is_complete(object_type: ObjectType, entry: JsonObject) -> bool:
    """Whether a list shows an object as a fetch would.

    Lists truncate the lists inside their objects. Stripe does not document whether v2 lists show fields that have to be
    included: an object that lacks one is fetched. https://docs.stripe.com/api/pagination
    """
    if object_type.api is ApiChannel.PREVIEW and not all(name in entry for name in object_type.include):
        return False
    if on_request.lacking(object_type, entry):
        return False
    return not any(_is_truncated(json_body.value_at(entry, sublist.path)) for sublist in object_type.sublists)


def _is_truncated(value: json_body.Json) -> bool:
    return isinstance(value, dict) and value.get("has_more") is not False


def needs_no_fetch(ref: ObjectRef, entry: JsonObject) -> bool:
    """Whether an object may be stored as its owner's list shows it: its next change has an event of its own.

    Otherwise a fetch shows more, leads to other objects, or is all that ever corrects what a stale list has shown.
    """
    if ref.object_type.sends_no_events or ref.object_type.leads_on:
        return False
    return entry.get("deleted") is not True and is_complete(ref.object_type, entry)


async def insert_new(shown: Mapping[ObjectRef, JsonObject], owner: Observation, mirror: Mirror) -> set[ObjectRef]:
    """Inserts objects that the mirror has never seen, as a list shows them that was read after their owner.

    Returns those that were inserted.
    """
    new = {ref: item for ref, entry in shown.items() if (item := _item(ref, entry, owner)) is not None}
    outcomes = await store_unclaimed(new, mirror)
    raise_transient(outcomes.values())
    return {ref for ref, outcome in outcomes.items() if outcome is True}  # a fetch says why one cannot be stored


def _item(ref: ObjectRef, entry: JsonObject, owner: Observation) -> Item | None:
    """What is stored of a member; None where a list does not show all of that."""
    # The fetch of the owner started before the list was requested: the time is too early rather than too late.
    seen = Observation(owner.fetched_at, owner.stripe_version, owner.request_id, entry, digest(ref.object_type, entry))
    try:
        customer = customer_or_owner(ref, entry)
        if isinstance(customer, ObjectRef):
            return None  # only the fetch of another object shows the customer
        return items.item(ref, seen, customer)
    except (UnstorableObject, PermanentError):
        return None  # a fetch says why
