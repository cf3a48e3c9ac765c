"""Note what the table cannot hold, so that it is not tried again and again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billing_mirror.core.errors import UnstorableObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import Ports


@asynccontextmanager
async def noted(ports: Ports, ref: ObjectRef, token: int, observation: Observation) -> AsyncIterator[None]:
    """Notes the object where the work within raises ``UnstorableObject``; the error then says if it was noted before.

    Where the table does not take the note, its ``TransientError`` replaces the error: the work is tried again.
    """
    try:
        yield
    except UnstorableObject as error:
        note = UnstorableNote(
            type=ref.type,
            id=ref.id,
            reason=str(error),
            digest=observation.digest,
            stripe_version=observation.stripe_version,
            token=token,
            noticed_at=ports.clock.now(),
            parent=ref.parent,
            fetched_at=observation.fetched_at,
            may_pass=error.may_pass,
        )
        was_noted = await ports.mirror.note_unstorable(ref.scope, note)
        raise UnstorableObject(str(error), was_noted=was_noted, may_pass=error.may_pass) from error
