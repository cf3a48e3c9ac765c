"""Forgetting: which data of a customer is removed, and what remains of it.

The mirror keeps more than Stripe shows: the last body of what was removed, and former states beside it. Forgetting
removes bodies and never an item that holds a token: an older fetch must stay refused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Self

from .. import catalog, json_body, times
from ..catalog import ObjectType
from ..errors import InvalidRequest, PermanentError
from ..json_body import JsonObject
from ..object_ref import ObjectRef, Scope, key_id, stored_ref, validate_id
from ..table.items import FORMER_CUSTOMER, Item, id_columns, id_in
from ..table.mirror_state import CLAIM_DIES_AFTER
from .objects_request import read_context

FORGET = "forget"
"""The job of a request to forget customers."""
MEMBERS = frozenset({"job", "customers", "cursor", "context"})
MAX_CUSTOMERS = 20
"""Customers of one request: it reads the whole table once for all of them."""

FORGOTTEN = "forgotten"
"""The partition of the notes that customers were forgotten; a note holds no id."""
REMOVALS = "removals"
"""The partition of the notes of removed objects."""
REPEATED_AFTER = CLAIM_DIES_AFTER
"""Seconds until an object is erased once more: by then no worker is left that was storing a former state."""
DAY = 86400.0

ERASED_COLUMNS = ("data", "data_z", "chunks", "chunk_count", "digest", "body_digest", "members", "missing_fields")
"""Columns that hold a body, or follow from it."""


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """``{"job": "forget", "customers": ["cus_1"]}``; ``cursor`` is that of an answer which ran out of time.

    ``context`` is the connected account whose customers they are, instead of the key's own.
    """

    customers: tuple[str, ...]
    cursor: str = ""
    context: str | None = None

    @classmethod
    def parse(cls, event: Mapping[str, object]) -> Self:
        """Reads the request. Raises :class:`InvalidRequest`, whose sentence is the answer."""
        unknown = sorted(event.keys() - MEMBERS)
        if unknown:
            names = ", ".join(sorted(MEMBERS))
            raise InvalidRequest(f"unknown member: {unknown[0]}; members are {names}; nothing was removed")
        customers, cursor = event.get("customers"), event.get("cursor", "")
        if not (isinstance(customers, list) and 0 < len(customers) <= MAX_CUSTOMERS):
            raise InvalidRequest(f"customers must be a list of 1 to {MAX_CUSTOMERS} ids; nothing was removed")
        if not isinstance(cursor, str):
            raise InvalidRequest("cursor must be a text; nothing was removed")
        context = read_context(event, "removed")
        return cls(tuple(dict.fromkeys(_customer(one) for one in customers)), cursor, context)


def _customer(one: object) -> str:
    try:
        return validate_id(one if isinstance(one, str) else "", catalog.CUSTOMER)
    except PermanentError as error:
        raise InvalidRequest(f"{error}; nothing was removed") from error


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object of a forgotten customer."""

    ref: ObjectRef
    customer: str

    @property
    def can_be_fetched(self) -> bool:
        """Whether its URL is known. Of other types, only their events know it."""
        return self.ref.object_type in catalog.RECONCILED_TYPES


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A part of the table. ``cursor`` is where the next part begins; empty after the last one."""

    objects: tuple[FoundObject, ...]
    cursor: str = ""


def customer_named(columns: Item, body: JsonObject | None, customers: Collection[str]) -> str | None:
    """Which of the customers an object belongs to, by its columns and by its body."""
    by_key = {key_id(one): one for one in customers}
    if (own := by_key.get(str(columns.get("id")))) is not None:
        return own
    object_type = catalog.TYPES.get(str(columns.get("type")))
    named = [columns.get(name) for name in ("customer", FORMER_CUSTOMER)]
    named += [columns.get("parent")] if object_type and object_type.parent_is_customer else []
    named += [json_body.text_at(body, path) for path in _paths(object_type)]
    return next((one for one in named if isinstance(one, str) and one in customers), None)


def _paths(object_type: ObjectType | None) -> tuple[str, ...]:
    """Where a body may name its customer."""
    own = object_type.customer if object_type else None
    account = object_type.customer_account if object_type else None
    return ("customer", "customer.id", *(path for path in (own, account) if isinstance(path, str)))


def forgotten_key(customer: str) -> str:
    """The sort key of the note that a customer was forgotten."""
    return sha256(customer.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class RemovalNote:
    """That an object was removed, and when what the mirror keeps of it is to be considered (seconds since 1970)."""

    type: str
    id: str
    customer: str | None
    removed_at: float
    due_at: float

    @property
    def sort_key(self) -> str:
        """In the order of the times at which the notes are due."""
        return f"{times.iso(self.due_at)}#{self.type}#{key_id(self.id)}"

    def ref(self, scope: Scope) -> ObjectRef:
        return stored_ref(scope, self.type, self.id)

    def put_off(self, due_at: float) -> Self:
        """The same note, due then (seconds since 1970)."""
        return replace(self, due_at=due_at)

    def to_item(self) -> Item:
        """The columns of the note."""
        return {
            "type": self.type,
            **id_columns(self.id),
            **({FORMER_CUSTOMER: self.customer} if self.customer else {}),
            "removed_at": times.iso(self.removed_at),
            "due_at": times.iso(self.due_at),
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        customer = item.get(FORMER_CUSTOMER)
        return cls(
            str(item["type"]),
            id_in(item),
            customer if isinstance(customer, str) else None,
            times.seconds(str(item["removed_at"])),
            times.seconds(str(item["due_at"])),
        )

    @classmethod
    def of_tombstone(cls, tombstone: Item) -> Self:
        """The note of an object whose tombstone is about to be stored."""
        return cls.from_item({**tombstone, "removed_at": tombstone["fetched_at"], "due_at": tombstone["fetched_at"]})


def expires_at(note: RemovalNote, tombstone_days: int) -> float | None:
    """When a removed object's last body expires (seconds since 1970); None where it stays until it is forgotten."""
    return note.removed_at + tombstone_days * DAY if tombstone_days else None
