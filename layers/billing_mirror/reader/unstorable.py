"""Objects that the table cannot hold."""

from __future__ import annotations

from dataclasses import dataclass

from ..core import object_ref, times
from ..core.table.items import OBJECT
from ..core.table.unstorable import PARTITION, UnstorableNote, sort_keys_of
from .results import Page
from .table import ScopedTable


@dataclass(frozen=True, slots=True)
class Unstorable:
    """An object that the table cannot hold in the state that Stripe shows, and the reason.

    ``token`` is that of the fetch that was not stored. ``mirrored_token`` is that of the older state that the mirror
    holds: the :class:`MirroredObject` with this id is stale. None where the mirror holds none.
    ``noticed_at`` is in ISO 8601, UTC.
    """

    type: str
    id: str
    reason: str
    token: int
    mirrored_token: int | None
    noticed_at: str


def read_unstorable(table: ScopedTable, type_name: str, limit: int, cursor: str | None) -> Page[Unstorable]:
    """A page of the objects of a type that are noted and were not stored or removed since."""
    items, following = table.entries(PARTITION, sort_keys_of(type_name), limit, cursor)
    notes = [UnstorableNote.from_item(item) for item in items]
    keys = [object_ref.partition_key_of(table.scope, note.type, note.id) for note in notes]
    with_key = [key for note, key in zip(notes, keys, strict=True) if note.has_key]
    held = table.items(with_key, OBJECT, columns=("token", "fetched_at"))
    tokens = {key: token for key, item in held.items() if isinstance(token := item["token"], int)}
    fetched_at = {key: times.seconds(str(item["fetched_at"])) for key, item in held.items()}
    found = [
        Unstorable(note.type, note.id, note.reason, note.token, tokens.get(key), times.iso(note.noticed_at))
        for note, key in zip(notes, keys, strict=True)
        if key not in tokens or not note.is_followed_by(tokens[key], fetched_at[key])
    ]
    return Page(found, following)
