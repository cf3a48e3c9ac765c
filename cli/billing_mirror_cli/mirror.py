"""Reading the mirror: the only module that calls the reader; and objects as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from billing_mirror.core import catalog
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import Drift, MirroredObject, Page, Reader, Run

from .failures import Failure, usage

T = TypeVar("T")


def get(reader: Reader, object_id: str, type_name: str | None = None) -> MirroredObject | None:
    """The object, deleted or not; None where the mirror has never seen it."""
    with _refusals():
        return reader.get(object_id, type_name)


def by_type(reader: Reader, type_name: str) -> Iterator[MirroredObject]:
    """All objects of a type, newest first."""
    return _every(lambda cursor: reader.by_type(type_name, cursor=cursor))


def by_customer(reader: Reader, customer: str, type_name: str | None = None) -> Iterator[MirroredObject]:
    """All objects of a customer, or those of one type."""
    return _every(lambda cursor: reader.by_customer(customer, type_name, cursor=cursor))


def children(reader: Reader, parent: str, type_name: str | None = None) -> Iterator[MirroredObject]:
    """All objects below a parent, or those of one type."""
    return _every(lambda cursor: reader.children(parent, type_name, cursor=cursor))


def with_status(reader: Reader, type_name: str, status: str) -> Iterator[MirroredObject]:
    """The objects of a type with a status of either kind, each once.

    Raises :class:`Failure` where neither kind has such a status.
    """
    object_type = catalog.TYPES.get(type_name)
    lists = [lambda cursor: reader.by_status(type_name, status, cursor=cursor)]
    if object_type is not None and object_type.collection_status:
        lists.append(lambda cursor: reader.by_collection_status(type_name, status, cursor=cursor))
    shown: set[str] = set()
    refused = []
    for page_at in lists:
        try:
            for one in _every(page_at):
                if one.id not in shown:
                    shown.add(one.id)
                    yield one
        except Failure as failure:
            refused.append(failure)
    if len(refused) == len(lists):
        raise refused[0]


def runs(reader: Reader, name: str, limit: int) -> list[Run]:
    """The newest runs over a type, or of ``recover``, so many at most."""
    with _refusals():
        return reader.runs(name, limit=limit).items


def drifts(reader: Reader, name: str) -> Iterator[Drift]:
    """The differences that the runs over a type have found, newest run first."""
    return _every(lambda cursor: reader.drifts(name, cursor=cursor))


def _every(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All entries of a list, page by page."""
    cursor = None
    while True:
        with _refusals():
            page = page_at(cursor)
        yield from page
        cursor = page.cursor
        if cursor is None:
            return


@contextmanager
def _refusals() -> Iterator[None]:
    """What the reader refuses as a failure of usage: its errors are sentences."""
    try:
        yield
    except ValueError as error:
        raise usage(str(error)[:1].upper() + str(error)[1:]) from error


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
