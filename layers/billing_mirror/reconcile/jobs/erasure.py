"""Erase what the mirror keeps of removed objects: when it expires, or when their customer was forgotten.

Only bodies and former states go. The head stays with its token and so does the claim, so an older fetch is refused as
before, however late it is stored: no time to live takes part in the write rule.
"""

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.forgetting import FORGOTTEN, RemovalNote, expires_at, forgotten_key
from billing_mirror.ports import Mirror

from ..dependencies import ReconcileDependencies


async def erase_due(dependencies: ReconcileDependencies, *, deadline: float) -> int:
    """Erases what is due, until a deadline (seconds since 1970); returns how many objects."""
    clock, mirror, scope = dependencies.ports.clock, dependencies.ports.mirror, dependencies.scope
    erased = 0
    async for note in mirror.removals(scope, clock.now()):
        if clock.now() >= deadline:
            break
        erased += await _consider(note, dependencies)
        await mirror.drop_removal(scope, note)
    return erased


async def _consider(note: RemovalNote, dependencies: ReconcileDependencies) -> bool:
    """Erases the object of a note, or puts the note off; whether it was erased."""
    mirror, now = dependencies.ports.mirror, dependencies.ports.clock.now()
    if note.customer is not None and await was_forgotten(note.customer, dependencies):
        await erase_kept(note.ref(dependencies.scope), note.customer, mirror, now)
        return True
    expires = expires_at(note, dependencies.tombstone_days)
    if expires is None:
        return False
    if expires > now:
        await mirror.note_removal(dependencies.scope, note.put_off(expires))
        return False
    await erase_kept(note.ref(dependencies.scope), note.customer, mirror, now)
    return True


async def erase_kept(ref: ObjectRef, customer: str | None, mirror: Mirror, now: float, *, whole: bool = False) -> None:
    """Erases all of an object that only the mirror keeps, in steps that may be repeated.

    That is the last body of a removed object, and former states of any. ``whole``: the present body of an existing
    object, too.
    """
    head = (await mirror.heads([ref])).get(ref.key)
    if head is None:
        return
    if not (whole or head.deleted):
        await mirror.empty_beside(ref, head.token, head.chunks, now)
    elif await mirror.erase(ref, head.token, customer, now):
        await mirror.empty_beside(ref, head.token, None, now)


async def was_forgotten(customer: str, dependencies: ReconcileDependencies) -> bool:
    """Whether a person had the customer forgotten."""
    note = await dependencies.state_store.last(dependencies.scope, FORGOTTEN, forgotten_key(customer))
    return note is not None
