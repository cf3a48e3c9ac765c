"""Where a list from Stripe and the mirror differ. A fetch has to confirm each difference."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from .. import json_body
from ..catalog import ObjectType
from ..json_body import JsonObject
from ..stripe_api import on_request
from ..table.digest import digest
from ..table.mirror_state import Head


class Difference(StrEnum):
    """How an object differs, or why it is fetched although nothing shows a difference."""

    MISSING = "missing"
    """Stripe lists it; the mirror has never seen it or holds a tombstone."""
    DIFFERENT = "different"
    """Both have it, and the bodies differ."""
    NOT_LISTED = "not_listed"
    """The mirror holds it as existing, and no list shows it."""
    OUTDATED = "outdated"
    """It was fetched under another Stripe version or without a field: its shape may differ. Or what should follow was
    left out. None of these is drift.
    """
    NO_LIST = "no_list"
    """Stripe has no list of its type, so each object is fetched."""
    PARTLY_LISTED = "partly_listed"
    """It has fields that no list shows, so it is fetched."""
    STORED_WRONG = "stored_wrong"
    """Its stored body or its columns are not what a write stores: something else changed them."""


FETCHED_WITHOUT_DIFFERENCE = frozenset({Difference.OUTDATED, Difference.NO_LIST, Difference.PARTLY_LISTED})
"""Reasons to fetch an object although nothing shows a difference."""


def compare(
    object_type: ObjectType,
    listed: Iterable[JsonObject],
    heads: Mapping[str, Head],
    stripe_version: str | None = None,
    missing_fields: tuple[str, ...] = (),
) -> dict[str, Difference]:
    """The differences of one page of objects of a type, by id.

    With ``stripe_version``, objects that have to be fetched again are ``OUTDATED``: also those that lack other fields
    than the list, whose ``missing_fields`` Stripe refuses to show.
    """
    found = {}
    for entry in listed:
        identifier = json_body.text_at(entry, "id")
        if identifier is None:
            continue
        head = heads.get(identifier)
        if entry.get("deleted") is True and head is not None and head.deleted:
            continue
        if head is None or head.deleted:
            found[identifier] = Difference.MISSING
        elif stripe_version is not None and _is_outdated(head, stripe_version, missing_fields):
            found[identifier] = Difference.OUTDATED
        elif object_type.include_where and on_request.lacking(object_type, entry):
            found[identifier] = Difference.PARTLY_LISTED
        elif head.digest != digest(object_type, entry):
            found[identifier] = Difference.DIFFERENT
    return found


def _is_outdated(head: Head, stripe_version: str, missing_fields: tuple[str, ...]) -> bool:
    return head.follow_ups_due or (head.stripe_version, head.missing_fields) != (stripe_version, missing_fields)
