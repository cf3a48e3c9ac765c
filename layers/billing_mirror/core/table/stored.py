"""What the table holds of an object, and whether a write stores it like that: the body, and the columns made from it.

Columns that are not made from the body cannot be recomputed: the token, the times and ids of fetch and event, and the
members, which Stripe lists beside the body.
"""

from dataclasses import dataclass

from .. import json_body
from ..json_body import JsonObject
from ..object_ref import ObjectRef
from . import items
from .digest import digest
from .items import INDEX_COLUMNS, Item

RECOMPUTED = ("id", "long_id", "type", "scope", "deleted", *INDEX_COLUMNS)
"""Columns of a live object that follow from its identity, its body and its customer."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's item as the table holds it. ``columns`` are without the body; ``body`` is None where it cannot be
    read, or where there is none."""

    columns: Item
    body: JsonObject | None


def wrong_columns(ref: ObjectRef, stored: StoredObject, customer: str | None) -> tuple[str, ...]:
    """The columns of a live object's item that differ from what a write of its stored body stores.

    ``data`` stands for a body that cannot be read, ``digest`` and ``body_digest`` for one that has another digest.
    ``customer`` is the customer that the object should have.
    """
    if "digest" not in stored.columns:
        return ()  # a marker, or a difference that every verify run finds
    if stored.body is None:
        return ("data",)
    expected = items.columns(ref, stored.body, customer)
    return (
        *_wrong_digests(ref, stored.columns, stored.body),
        *(name for name in RECOMPUTED if stored.columns.get(name) != expected.get(name)),
    )


def _wrong_digests(ref: ObjectRef, columns: Item, body: JsonObject) -> tuple[str, ...]:
    if "body_digest" in columns:
        return () if json_body.digest(body) == columns["body_digest"] else ("body_digest",)
    return () if digest(ref.object_type, body) == columns["digest"] else ("digest",)
