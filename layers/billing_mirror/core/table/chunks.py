"""Bodies too large for one item: their compressed text is split over several items, the chunks.

The object's item names its chunks by ``chunks``, the beginning of their sort keys, and ``chunk_count``. The name holds
the token and a digest of the content, so no other write has chunks of the same name with another content: not even two
backfills, which both write under token 0. See docs/decisions/0042-large-bodies-are-several-items.md.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from .items import CHUNK, Item, room_beside

PREFIX = "chunk#"
"""How the sort keys of all chunks begin."""
NAME = "chunks"
COUNT = "chunk_count"
CONTENT = "chunk"
"""The column of a chunk that holds its bytes. A chunk without it is of no use any more, and expires."""
DIGEST_LENGTH = 32
"""Hexadecimal digits of the content's SHA-256 in the name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that a body may take beside the other columns; None: what DynamoDB allows. And bytes of a chunk."""

    body: int | None = None
    chunk: int = CHUNK


def split(token: int, item: Item, limits: Limits) -> tuple[Item, dict[str, bytes]]:
    """The object's item, and its chunks by sort key: none where the item holds the body itself."""
    content = item.get("data_z")
    rest = {name: value for name, value in item.items() if name != "data_z"}
    if not isinstance(content, bytes) or len(content) <= (room_beside(rest) if limits.body is None else limits.body):
        return item, {}
    name = f"{_of_token(token)}{_digest(content)}#"
    pieces = [content[start : start + limits.chunk] for start in range(0, len(content), limits.chunk)]
    return {**rest, NAME: name, COUNT: len(pieces)}, {_sort_key(name, at): piece for at, piece in enumerate(pieces)}


def name_in(item: Item) -> str | None:
    """How the sort keys of an item's chunks begin; None where the item has no chunks."""
    name = item.get(NAME)
    return name if isinstance(name, str) else None


def join(item: Item, chunks: Sequence[bytes]) -> Item | None:
    """The item with its whole body, as :func:`split` has taken it; None where chunks are missing or are others."""
    content = b"".join(chunks)
    name = name_in(item)
    if name is None or len(chunks) != item[COUNT] or name.removesuffix("#").rpartition("#")[2] != _digest(content):
        return None
    return {column: value for column, value in item.items() if column not in (NAME, COUNT)} | {"data_z": content}


def superseded(sort_keys: Sequence[str], token: int, kept: str | None) -> list[str]:
    """Which chunks no item will ever name again, once the object's item has this token and names ``kept``.

    Later items have higher tokens, and name chunks of their own or, as tombstones, those of the item before.
    """
    return [key for key in sort_keys if key < _of_token(token + 1) and not (kept and key.startswith(kept))]


def without_named(sort_keys: Sequence[str], token: int, kept: str | None) -> list[str]:
    """The keys of items beside an object's, without chunks that its item names or that a later item may name."""
    own = [key for key in sort_keys if key.startswith(PREFIX)]
    unnamed = {*superseded(own, token, kept)}
    return [key for key in sort_keys if not key.startswith(PREFIX) or key in unnamed]


def range_up_to(token: int) -> tuple[str, str]:
    """The least and the greatest sort key of chunks of this token and of all lower ones."""
    return PREFIX, _of_token(token + 1)


def _of_token(token: int) -> str:
    return f"{PREFIX}{token:020}#"  # with zeros, so that keys have the order of tokens


def _sort_key(name: str, at: int) -> str:
    return f"{name}{at:03}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
