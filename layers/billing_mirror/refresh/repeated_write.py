"""Recognize a write that was stored, and refused when AWS's client repeated it because its answer was lost."""

from billing_mirror.core import times
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Item
from billing_mirror.ports import Mirror


async def is_stored(mirror: Mirror, ref: ObjectRef, token: int, item: Item) -> bool:
    """Whether a refused write is what the mirror holds: the same token, of the same fetch."""
    head = (await mirror.heads([ref])).get(ref.key)
    return head is not None and (head.token, times.iso(head.fetched_at)) == (token, item["fetched_at"])
