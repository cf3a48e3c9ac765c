"""Close claims: an open one says that a write is on its way, and reconcile waits for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Mirror

IsFinal: TypeAlias = Callable[[Exception], bool]
"""Whether nothing tries again after an error."""


def never(error: Exception) -> bool:  # noqa: ARG001 - part of the type
    """For claims of time 0, which are closed from the start."""
    return False


@asynccontextmanager
async def release_at_final_error(mirror: Mirror, ref: ObjectRef, token: int, is_final: IsFinal) -> AsyncIterator[None]:
    """Releases a claim where the work under it fails for good.

    Where the table does not take the release, its ``TransientError`` replaces the final one: the work is tried again.
    """
    try:
        yield
    except Exception as error:
        if is_final(error):
            await mirror.release_claim(ref, token)
        raise
