"""Items: an observation's columns, and what a native map can hold.

Limits of an item: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from .. import json_body, times
from ..errors import UnstorableObject
from ..json_body import Json, JsonObject
from ..object_ref import ObjectRef, key_id
from .mirror_state import KnowsEvents, LastEvents

OBJECT = "object"
"""Sort key of the item that holds an object."""
CLAIM = "claim"
"""Sort key of the item that holds an object's counter."""

INDEX_COLUMNS = ("created", "customer", "parent", "status", "collection_status")
"""Columns that only live objects have. Every index needs ``created``, so without it an object is in none."""

FORMER_CUSTOMER = "former_customer"
"""The column of a tombstone that names the object's customer: a tombstone has no index columns."""

MAX_ITEM = 400 * 1024
"""Bytes of an item, names included."""
ROOM_FOR_KEYS = 2 * 1024
"""Bytes kept free for the keys, the token and the name of the column with the body."""
CHUNK = 320 * 1024
"""Bytes of a compressed body that one item holds where the body takes several items."""
MAX_EVENTS = 20
"""Events of one second whose ids an item keeps: the repetition of a further one costs a fetch."""
MAX_CHUNKS = 32
MAX_COMPRESSED = MAX_CHUNKS * CHUNK
"""Bytes of a compressed body."""
MAX_KEY = 1024
"""Bytes of a value that an index takes into its range key."""
MAX_NAME = 65_535
MAX_MAP_DEPTH = 30
"""Levels of a body that fit below the ``data`` column; DynamoDB counts 32 with the item itself."""
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130

Value: TypeAlias = Json | bytes
Item: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Observation:
    """What Stripe answered under a claim: a body, or "not found".

    ``fetched_at`` is when the request started, in seconds since 1970. ``body`` is None for "not found"; lists inside
    the body are complete. ``digest`` is that of the body as a list shows it, with inner lists cut short.
    ``member_lists`` holds the bodies of the lists that belong to the object, by type.
    """

    fetched_at: float
    stripe_version: str
    request_id: str
    body: JsonObject | None = None
    digest: str = ""
    member_lists: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    """Lists that belong to the object and were not read, by type: most objects have nothing on them."""
    completed: tuple[str, ...] = ()
    """Paths of lists inside the body that were read by requests of their own, and may be older than the rest."""
    last_event_at: float = 0.0
    """Creation, by Stripe's clock, of the newest event received before the fetch; 0 without an event."""
    last_event_ids: tuple[str, ...] = ()
    """The id of that event, and those of others received before the fetch that may not be older."""
    missing_fields: tuple[str, ...] = ()
    """Fields on request that the body lacks, because Stripe refuses to show them; sorted."""

    @property
    def live(self) -> JsonObject | None:
        """The body; None for "not found" and for a body that only says ``deleted``."""
        return None if self.body is None or self.body.get("deleted") is True else self.body


def marker(observation: Observation, ref: ObjectRef) -> Item:
    """The item that records a fetch whose parts are stored as objects of their own."""
    return {**_about_fetch(observation), **_about_object(ref)}


def tombstone(observation: Observation, ref: ObjectRef, former_customer: str | None = None) -> Item:
    """The columns of a tombstone: the last known body stays, the index columns go.

    ``former_customer`` is the customer that the object had: what is kept of it can be found, and forgotten.
    """
    former: Item = {FORMER_CUSTOMER: former_customer} if former_customer else {}
    return {**_about_fetch(observation), **_about_object(ref), **former, "deleted": True}


def item(ref: ObjectRef, observation: Observation, customer: str | None) -> Item:
    """The whole item of a live object, without its token.

    Its body may be too large for one item of the table; :func:`~billing_mirror.core.table.chunks.split` makes several.
    Raises :class:`UnstorableObject` where it is too large for these, too.
    """
    body = observation.live
    if body is None:
        raise ValueError("a deleted object has a tombstone, not an item")
    about_state: Mapping[str, Value] = {
        "digest": observation.digest,
        "body_digest": _body_digest(ref, observation, body),
        "members": _members(observation),
        "missing_fields": [*observation.missing_fields] or None,
    }
    present = {**columns(ref, body, customer), **_about_fetch(observation), **_present(about_state)}
    return {**present, **_data(body, room_beside(present))}


def room_beside(columns: Item) -> int:
    """Bytes that the body may take in the same item as these columns; negative where they are too large themselves."""
    return MAX_ITEM - ROOM_FOR_KEYS - _size(columns)


def columns(ref: ObjectRef, body: JsonObject, customer: str | None) -> Item:
    """The columns of a live object that follow from its identity, its body and its customer."""
    object_type = ref.object_type
    return _present(
        {
            **_about_object(ref),
            "created": times.created(json_body.value_at(body, object_type.created)),
            "customer": _indexable(customer),
            "parent": _key(body, object_type.parent) or (ref.parent if object_type.nested else None),
            "status": _key(body, object_type.status),
            "collection_status": _key(body, object_type.collection_status),
        }
    )


def _present(values: Mapping[str, Value]) -> Item:
    return {name: value for name, value in values.items() if value is not None}


def _body_digest(ref: ObjectRef, observation: Observation, body: JsonObject) -> str | None:
    """The digest of the whole body, where ``digest`` covers only a part of it; else None."""
    covers_all = not observation.completed and not ref.object_type.ignored_fields
    return None if covers_all else json_body.digest(body)


def _key(body: JsonObject, path: str | None) -> str | None:
    """The text at a path, where an index can hold it."""
    return _indexable(json_body.text_at(body, path)) if path else None


def _indexable(text: str | None) -> str | None:
    return text if text and _text_fits(text) and len(text.encode("utf-8")) <= MAX_KEY else None


def _about_object(ref: ObjectRef) -> Item:
    return {**id_columns(ref.id, singleton=ref.object_type.singleton), "type": ref.type, "scope": str(ref.scope)}


def id_columns(object_id: str, *, singleton: bool = False) -> Item:
    """The id as the indexes can hold it, and a long one in a column of its own."""
    held = object_id if singleton else key_id(object_id)
    return {"id": held} if held == object_id else {"id": held, "long_id": object_id}


def id_in(item: Item) -> str:
    """The id that :func:`id_columns` has stored."""
    return str(item.get("long_id") or item["id"])


def _about_fetch(observation: Observation) -> Item:
    return {
        "fetched_at": times.iso(observation.fetched_at),
        "stripe_version": observation.stripe_version,
        "stripe_request_id": observation.request_id,
        **last_event_columns(observation),
    }


def last_event_columns(known: KnowsEvents) -> JsonObject:
    """The columns of the newest events; none without an event."""
    if not known.last_event_at:
        return {}
    newest, *others = known.last_event_ids[:MAX_EVENTS] or ("",)
    further: JsonObject = {"other_event_ids": [*others]} if others else {}
    return {"last_event_at": times.iso(known.last_event_at), "last_event_id": newest, **further}


def customer_in(item: Item) -> str | None:
    """The customer that :func:`item` has stored."""
    customer = item.get("customer")
    return customer if isinstance(customer, str) else None


def members_in(item: Item) -> dict[str, frozenset[str]]:
    """By type, the ids of the lists that :func:`item` has stored."""
    members = item.get("members")
    return {
        name: frozenset(identifier for identifier in identifiers if isinstance(identifier, str))
        for name, identifiers in (members if isinstance(members, dict) else {}).items()
        if isinstance(identifiers, list)
    }


def missing_fields_in(item: Item) -> tuple[str, ...]:
    """The fields that :func:`item` has stored as missing."""
    return _texts(item.get("missing_fields"))


def last_events_in(item: Mapping[str, Value]) -> LastEvents:
    """The events that :func:`last_event_columns` has stored."""
    at, newest = times.seconds(str(item.get("last_event_at", times.UNKNOWN))), item.get("last_event_id")
    ids = (newest, *_texts(item.get("other_event_ids"))) if isinstance(newest, str) and newest else ()
    return LastEvents(at, ids)


def _texts(stored: Value) -> tuple[str, ...]:
    return tuple(one for one in stored if isinstance(one, str)) if isinstance(stored, list) else ()


def members(observation: Observation) -> dict[str, frozenset[str]]:
    """By type, the ids of the lists that were read with the object."""
    return {
        name: frozenset(identifier for entry in entries if (identifier := json_body.text_at(entry, "id")))
        for name, entries in observation.member_lists.items()
    }


def _members(observation: Observation) -> Json:
    listed: JsonObject = {name: [*sorted(identifiers)] for name, identifiers in members(observation).items()}
    return listed or None


def _data(body: JsonObject, room: int) -> Item:
    if room < 0:
        raise UnstorableObject(
            "the object is too large: the lists that belong to it do not fit into an item of the table"
        )
    if fits_native_map(body) and _size(body) <= room:
        return {"data": body}
    text = json_body.write(body).encode("ascii")
    compressed = zlib.compress(text, level=9)
    if len(compressed) > MAX_COMPRESSED:
        raise UnstorableObject(
            f"the object is too large: {len(text):,} bytes are {len(compressed):,} bytes when compressed, "
            f"and the table takes {MAX_COMPRESSED:,} bytes at most"
        )
    return {"data_z": compressed}


def fits_native_map(body: JsonObject) -> bool:
    """Whether DynamoDB's types can hold the body without losing anything of it."""
    return json_body.depth(body) <= MAX_MAP_DEPTH and _values_fit(body)


def _values_fit(value: Json) -> bool:
    match value:
        case bool() | None:
            return True
        case int() | Decimal():
            return _number_fits(Decimal(value))
        case str():
            return _text_fits(value)
        case dict():
            return all(_name_fits(name) and _values_fit(member) for name, member in value.items())
        case list():
            return all(_values_fit(element) for element in value)


def _number_fits(number: Decimal) -> bool:
    # As boto3 counts: zeros at either end included.
    _, digits, exponent = number.as_tuple()
    return (
        isinstance(exponent, int)
        and len(digits) <= MAX_DIGITS
        and exponent >= MIN_EXPONENT
        and number.adjusted() <= MAX_EXPONENT
    )


def _name_fits(name: str) -> bool:
    return bool(name) and _text_fits(name) and len(name.encode("utf-8")) <= MAX_NAME


def _text_fits(text: str) -> bool:
    # JSON can spell half of a surrogate pair; UTF-8 has no bytes for it.
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _size(value: Value | Item) -> int:
    """Bytes as DynamoDB counts them, rounded up."""
    match value:
        case bytes():
            return len(value)
        case str():
            return len(value.encode("utf-8"))
        case dict():
            return 3 + sum(1 + len(name.encode("utf-8")) + _size(member) for name, member in value.items())
        case list():
            return 3 + sum(1 + _size(element) for element in value)
        case bool() | None:
            return 1
        case int() | Decimal():
            return len(Decimal(value).as_tuple().digits) // 2 + 3
