"""Reading the mirror: the only module that calls the reader; and objects as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from billing_mirror.core import catalog
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import Change, Drift, MirroredObject, PastObject, Reader, Results, Run, UnknownPast

from .failures import Failure, usage

T = TypeVar("T")


def get(reader: Reader, object_id: str, type_name: str | None = None) -> MirroredObject | None:
    """The object, deleted or not; None where the mirror has never seen it."""
    with _refusals():
        return reader.get(object_id, type_name)


def by_type(reader: Reader, type_name: str) -> Iterator[MirroredObject]:
    """All objects of a type, newest first."""
    return _every(reader.by_type(type_name))


def by_customer(reader: Reader, customer: str, type_name: str | None = None) -> Iterator[MirroredObject]:
    """All objects of a customer, or those of one type."""
    return _every(reader.by_customer(customer, type_name))


def children(reader: Reader, parent: str, type_name: str | None = None) -> Iterator[MirroredObject]:
    """All objects below a parent, or those of one type."""
    return _every(reader.children(parent, type_name))


def history(reader: Reader, object_id: str, type_name: str) -> Iterator[Change]:
    """The changes of an object, newest first, as far as they are kept."""
    return _every(reader.history(object_id, type_name))


def as_of(reader: Reader, object_id: str, type_name: str, seconds: float) -> PastObject | None:
    """What an object was at a moment, in seconds since 1970; None where the history does not know it."""
    with _refusals():
        try:
            return reader.as_of(object_id, datetime.fromtimestamp(seconds, UTC), type_name)
        except UnknownPast:
            return None


def with_status(reader: Reader, type_name: str, status: str) -> Iterator[MirroredObject]:
    """The objects of a type with a status of either kind, each once.

    Raises :class:`Failure` where neither kind has such a status.
    """
    object_type = catalog.TYPES.get(type_name)
    lists = [reader.by_status(type_name, status)]
    if object_type is not None and object_type.collection_status:
        lists.append(reader.by_collection_status(type_name, status))
    shown: set[str] = set()
    refused = []
    for found in lists:
        try:
            for one in _every(found):
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
        return reader.runs(name).page(limit=limit).items


def every_run(reader: Reader, name: str) -> Iterator[Run]:
    """All runs over a type, or of ``recover``, newest first."""
    return _every(reader.runs(name))


def drifts(reader: Reader, name: str, run: Run | None = None) -> Iterator[Drift]:
    """The differences that the runs over a type have found, newest run first; or those of one run."""
    return _every(reader.drifts(name, run=run))


def members(reader: Reader, owner: str, type_name: str) -> list[MirroredObject]:
    """The objects on a list that belongs to another object: the rates of a rate card version."""
    with _refusals():
        return reader.members(owner, type_name)


def _every(found: Results[T]) -> Iterator[T]:
    """All entries of a list."""
    with _refusals():
        yield from found


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


def other_customer(one: MirroredObject) -> str:
    """The id of the object's customer, beside the object's own id: empty for a customer, whose own it is."""
    return "" if one.customer is None or one.customer == one.id else one.customer


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
