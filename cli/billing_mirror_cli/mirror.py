"""Reading the mirror: all pages of a list, and objects as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TypeVar

from billing_mirror.core import catalog
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import MirroredObject, Page

from .failures import Failure, usage

T = TypeVar("T")


def every(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All entries of a list, page by page."""
    cursor = None
    while True:
        page = page_at(cursor)
        yield from page
        cursor = page.cursor
        if cursor is None:
            return


def as_json(one: MirroredObject) -> JsonObject:
    """The object with what the mirror knows about it."""
    members: JsonObject = {name: [*ids] for name, ids in one.members.items()}
    return {
        "id": one.id,
        "type": one.type,
        "deleted": one.deleted,
        "fetched_at": one.fetched_at,
        "token": one.token,
        "stripe_version": one.stripe_version,
        "customer": one.customer,
        "members": members,
        "body": one.body,
    }


def status_of(one: MirroredObject) -> str:
    """The object's statuses, the servicing status first; empty where its type has none."""
    object_type = catalog.TYPES.get(one.type)
    paths = (object_type.status, object_type.collection_status) if object_type else ()
    texts = [_text(value_at(one.body, path)) for path in paths if path]
    return ", ".join(text for text in texts if text)


def value_at(body: Json, path: str) -> Json:
    """The value at a dotted path, or None."""
    for step in path.split("."):
        body = body.get(step) if isinstance(body, dict) else None
    return body


def unknown_type(name: str) -> Failure:
    """The failure of a name that is no type of the catalog, with those that resemble it."""
    close = difflib.get_close_matches(name, _spellings(), n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(dict.fromkeys(_spellings()[one] for one in close))}" if close else ""
    return usage(f"There is no type {name}", meant or "docs/reading.md lists the types that are mirrored")


def _spellings() -> dict[str, str]:
    """The names that people try for a type: its own, its aliases, its last word, and the plural of each."""
    names = {alias: name for name, one in catalog.TYPES.items() for alias in (name, *one.aliases)}
    last_words = {name.rpartition(".")[2]: name for name in catalog.TYPES}
    names = {**last_words, **names}
    return names | {f"{spelling}s": name for spelling, name in names.items()}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
