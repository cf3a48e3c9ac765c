"""Mutants of bodies that take several items."""

from collections.abc import Sequence

from billing_mirror.adapters.table.chunked_write import DYNAMODB, ChunkedTable, _drop_superseded, _held, put_chunked
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table import chunks
from billing_mirror.core.table.chunks import Limits, superseded
from billing_mirror.core.table.items import Item
from tests.doubles.mirror import MemoryMirror

from .registry import mutant, replaces

chunks_named = MemoryMirror.chunks_named


@mutant("an object's item is put before its chunks", quick=True)
@replaces(put_chunked)
async def puts_item_first(
    table: ChunkedTable, ref: ObjectRef, token: int, item: Item, limits: Limits = DYNAMODB
) -> bool:
    own, pieces = chunks.split(token, item, limits)
    replaced = await table.replace(ref, token, own)
    for sort_key, content in pieces.items() if replaced.stored else ():
        await table.put_chunk(ref, sort_key, content)
    return replaced.stored


@mutant("the chunks of another token are read", quick=True)
@replaces(MemoryMirror.chunks_named)
def reads_all_chunks(self: MemoryMirror, key: str, name: str) -> list[bytes]:
    return chunks_named(self, key, chunks.PREFIX)


@mutant("a refused write drops the chunks of what refused it", quick=True)
@replaces(_held)
async def holds_nothing(table: ChunkedTable, ref: ObjectRef) -> tuple[int, str | None]:
    token, _ = await _held(table, ref)
    return token, None


@replaces(chunks.range_up_to)
def ranges_over_every_token(token: int) -> tuple[str, str]:
    return chunks.PREFIX, f"{chunks.PREFIX}~"


@mutant("a write drops the chunks of later tokens", also=(ranges_over_every_token,))
@replaces(superseded)
def drops_later_chunks(sort_keys: Sequence[str], token: int, kept: str | None) -> list[str]:
    return [key for key in sort_keys if not (kept and key.startswith(kept))]


@mutant("chunks are dropped before the item that replaces them is put", quick=True)
@replaces(put_chunked)
async def drops_chunks_first(
    table: ChunkedTable, ref: ObjectRef, token: int, item: Item, limits: Limits = DYNAMODB
) -> bool:
    _, pieces = chunks.split(token, item, limits)
    if pieces:
        await _drop_superseded(table, ref, token, None, expires_at=0)
    return await put_chunked(table, ref, token, item, limits)
