"""The write of an object whose body may take several items. The condition on its token stays on one of them.

1. The chunks are written, under names that no other write uses for another content. Nothing reads them yet.
2. The object's item is put on its condition, and names the chunks: only this makes the new state visible, at once.
3. What no item can name any more is dropped. A worker that dies before this leaves chunks that nothing reads; the
   next write of a large object's state drops them.

Where the body fits into the object's item, and the replaced one did, this is the one conditional put.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from billing_mirror.core import times
from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import chunks
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import Head

DYNAMODB = Limits()


class Replaced(NamedTuple):
    """Whether a conditional put was stored, and whether the item that it replaced had chunks."""

    stored: bool
    had_chunks: bool


class ChunkedTable(Protocol):
    """The steps of a write. Each raises ``TransientError`` when DynamoDB is busy or down."""

    async def heads(self, refs: Iterable[ObjectRef]) -> Mapping[str, Head]: ...

    async def put_chunk(self, ref: ObjectRef, sort_key: str, content: bytes) -> None: ...

    async def replace(self, ref: ObjectRef, token: int, item: Item) -> Replaced:
        """Replaces the object's item, unless the item has this token or a later one."""

    async def chunk_keys(self, ref: ObjectRef, token: int) -> list[str]:
        """The sort keys of the object's chunks of this token and of lower ones, without dropped ones."""

    async def drop_chunk(self, ref: ObjectRef, sort_key: str, expires_at: int) -> None:
        """Empties a chunk, and lets it expire then (seconds since 1970)."""


async def put_chunked(table: ChunkedTable, ref: ObjectRef, token: int, item: Item, limits: Limits = DYNAMODB) -> bool:
    """Implements ``ports.Mirror.put``."""
    own, pieces = chunks.split(token, item, limits)
    for sort_key, content in pieces.items():  # one by one: a partition takes a thousand KB a second
        await table.put_chunk(ref, sort_key, content)
    replaced = await table.replace(ref, token, own)
    if pieces or replaced.had_chunks:
        held = (token, chunks.name_in(own)) if replaced.stored else await _held(table, ref)
        with suppress(TransientError):  # the write has its outcome, and the next one drops what is left
            await _drop_superseded(table, ref, *held, expires_at=int(times.seconds(str(item["fetched_at"]))))
    return replaced.stored


async def _held(table: ChunkedTable, ref: ObjectRef) -> tuple[int, str | None]:
    """The token and the chunks of what refused a write: it may be this very write, whose answer was lost."""
    head = (await table.heads([ref])).get(ref.key)
    return (head.token, head.chunks) if head else (-1, None)


async def _drop_superseded(
    table: ChunkedTable, ref: ObjectRef, token: int, kept: str | None, *, expires_at: int
) -> None:
    for sort_key in chunks.superseded(await table.chunk_keys(ref, token), token, kept):
        await table.drop_chunk(ref, sort_key, expires_at)
