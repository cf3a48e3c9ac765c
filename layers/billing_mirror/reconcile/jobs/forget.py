"""Forget customers: what only the mirror still holds of them is removed.

The mirror shows what Stripe shows. So each object is fetched once more, under a claim: what Stripe has redacted is
stored as it is now, and what Stripe no longer has becomes a tombstone. Then all that the mirror keeps beyond that is
erased. Every step may be repeated, and a request that was interrupted is made again from its start.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from billing_mirror.core import times
from billing_mirror.core.events.messages import Unreadable, read_message, write_message
from billing_mirror.core.runs.forgetting import (
    FORGOTTEN,
    REPEATED_AFTER,
    ForgetRequest,
    FoundObject,
    RemovalNote,
    forgotten_key,
)
from billing_mirror.core.table.items import Item, id_in
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import Queue

from ..dependencies import ReconcileDependencies
from ..gather import gather_all
from ..runs.checkpoints import sort_key_part
from .erasure import erase_kept
from .refresh_objects import OUT_OF_TIME, RefreshedObject, refresh_objects

_WORDS = re.compile(r"\w+", re.ASCII)


@dataclass(slots=True)
class Forgotten:
    """What a request has removed so far. Not ``ended``: another one has to continue from ``cursor``."""

    objects: int = 0
    """Objects of the customers."""
    shown: Counter[str] = field(default_factory=Counter)
    """Objects that Stripe still shows, by type: the mirror shows them, too."""
    evidence: int = 0
    """Entries of evidence whose field names were removed."""
    messages: int = 0
    """Messages in quarantine that were removed, or reduced to the identity of their object."""
    failed: list[RefreshedObject] = field(default_factory=list)
    """Objects that could not be fetched; what the mirror holds of them stays."""
    cursor: str = ""
    ended: bool = False


async def forget(request: ForgetRequest, dependencies: ReconcileDependencies, *, deadline: float) -> Forgotten:
    """Removes what only the mirror holds of customers, until a deadline (seconds since 1970)."""
    clock, mirror = dependencies.ports.clock, dependencies.ports.mirror
    forgotten = Forgotten(cursor=request.cursor)
    await _note(request.customers, dependencies)
    found: set[FoundObject] = set()
    while not forgotten.ended and clock.now() < deadline:
        page = await mirror.objects_of(dependencies.scope, request.customers, forgotten.cursor)
        found.update(page.objects)
        if not await _forget_all(page.objects, forgotten, dependencies, deadline=deadline):
            break  # the next request repeats this part of the table
        forgotten.cursor, forgotten.ended = page.cursor, not page.cursor
    forgotten.evidence = await _blank_evidence(found, dependencies)
    named = {*request.customers, *(one.ref.id for one in found)}
    forgotten.messages = await _clear_quarantine(named, dependencies.ports.queue)
    return forgotten


async def _note(customers: Iterable[str], dependencies: ReconcileDependencies) -> None:
    """First: an object that is removed from now on is erased by a tick, wherever the request is by then."""
    entry: Item = {"forgotten_at": times.iso(dependencies.ports.clock.now())}
    for customer in customers:
        await dependencies.state_store.write(
            dependencies.scope, FORGOTTEN, forgotten_key(customer), entry, if_absent=True
        )


async def _forget_all(
    found: Sequence[FoundObject], forgotten: Forgotten, dependencies: ReconcileDependencies, *, deadline: float
) -> bool:
    """Fetches what exists, then erases what is kept beside it; False where the time did not suffice."""
    mirror = dependencies.ports.mirror
    heads = await mirror.heads([one.ref for one in found])
    existing = [one.ref for one in found if _exists(one, heads)]
    failed = [one for one in await refresh_objects(existing, dependencies, deadline=deadline) if one.outcome is None]
    out_of_time = [one for one in failed if one.reason == OUT_OF_TIME]
    forgotten.failed += [one for one in failed if one.reason != OUT_OF_TIME]
    kept = {one.ref.key for one in failed}
    fetched = [one for one in found if one.ref.key not in kept]
    await gather_all(_erase(one, dependencies) for one in fetched)
    if out_of_time:
        return False
    forgotten.objects += len(found)
    heads = await mirror.heads([one.ref for one in fetched])
    forgotten.shown.update(one.ref.type for one in fetched if _exists(one, heads))
    return True


def _exists(one: FoundObject, heads: Mapping[str, Head]) -> bool:
    return one.can_be_fetched and one.ref.key in heads and not heads[one.ref.key].deleted


async def _erase(one: FoundObject, dependencies: ReconcileDependencies) -> None:
    """Erases once now, and by its note once more, when no worker is left that was storing a former state."""
    mirror, now = dependencies.ports.mirror, dependencies.ports.clock.now()
    note = RemovalNote(one.ref.type, one.ref.id, one.customer, removed_at=now, due_at=now + REPEATED_AFTER)
    await mirror.note_removal(dependencies.scope, note)
    await erase_kept(one.ref, one.customer, mirror, now, whole=not one.can_be_fetched)


async def _blank_evidence(found: Collection[FoundObject], dependencies: ReconcileDependencies) -> int:
    """Removes the names of fields from the evidence about objects; the counts of its runs stay."""
    blanked = 0
    for type_name in sorted({one.ref.type for one in found}):
        ids = {one.ref.id for one in found if one.ref.type == type_name}
        partition = f"drift:{type_name}"
        async for entry in dependencies.state_store.entries(dependencies.scope, partition):
            if entry.get("fields") and (identifier := id_in(entry)) in ids:
                sort_key = f"{entry['run']!s}#{sort_key_part(identifier)}"
                as_read: Item = {"noticed_at": entry["noticed_at"], "resolution": entry["resolution"]}
                blanked += await dependencies.state_store.write(
                    dependencies.scope, partition, sort_key, {**entry, "fields": []}, expected=as_read
                )
    return blanked


async def _clear_quarantine(named: Collection[str], queue: Queue) -> int:
    """Removes messages that name one of the ids and hold more than an identity; readable ones are reduced to that."""
    cleared = 0
    async for message in queue.quarantined_messages():
        if not _names(message.body, named):
            continue
        reduced = _reduced(message.body)
        if reduced == message.body:
            continue
        if reduced is not None:
            await queue.quarantine(reduced, reason=message.reason)
        await queue.drop(message.receipt)
        cleared += 1
    return cleared


def _names(text: str, named: Collection[str]) -> bool:
    words = {*_WORDS.findall(text)}
    return any(one in words if _WORDS.fullmatch(one) else one in text for one in named)


def _reduced(text: str) -> str | None:
    """The message that says only which object changed; None where the text is no message."""
    try:
        return write_message(read_message(text))
    except Unreadable:
        return None
