"""Which other objects a body names, and what the mirror holds of them."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from billing_mirror.core.catalog import ObjectType, Reference
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import Mirror

K = TypeVar("K", bound=Hashable)


def references(ref: ObjectRef, body: JsonObject | None) -> list[ObjectRef]:
    """The objects that a body names, of types whose creation Stripe may not announce."""
    found: list[ObjectRef] = []
    for reference in ref.object_type.references:
        identifier = text_at(body, reference.path)
        if identifier is None:
            continue
        try:
            found.append(ref.in_same_scope(reference.type, identifier))
        except PermanentError:
            continue  # the object that names it is stored all the same
    return found


async def not_mirrored(named: Iterable[ObjectRef], mirror: Mirror, *, deleted_too: bool = False) -> list[ObjectRef]:
    """The objects that the mirror has never seen, each once; or also those that it holds as deleted.

    A fetch shows the present: what it names exists, so a tombstone of it is wrong. A list may be older than the
    tombstone, and then the tombstone is right.
    """
    distinct = {one.key: one for one in named}
    heads = await mirror.heads(distinct.values()) if distinct else {}
    return [one for key, one in distinct.items() if key not in heads or (deleted_too and heads[key].deleted)]


async def owner_heads(owners: Mapping[K, str | ObjectRef | None], mirror: Mirror) -> dict[K, Head]:
    """By object, the head of its owner, as :func:`customer_or_owner` finds it; without those not mirrored."""
    found = {key: owner for key, owner in owners.items() if isinstance(owner, ObjectRef)}
    heads = await mirror.heads(found.values()) if found else {}
    return {key: heads[partition] for key, owner in found.items() if (partition := owner.key) in heads}


def customer_or_owner(ref: ObjectRef, body: JsonObject) -> str | ObjectRef | None:
    """The id of the object's customer, or the object that knows the customer; None where the body names neither.

    Raises ``PermanentError`` where the body names an owner by an id that no Stripe id can be.
    """
    if ref.object_type.parent_is_customer:
        return ref.parent
    match ref.object_type.customer:
        case Reference(path=path, type=type_name):
            owner = text_at(body, path)
            return ref.in_same_scope(type_name, owner) if owner else None
        case str(path):
            return text_at(body, path) or _account(ref.object_type, body)
        case None:
            return None


def is_of_account(object_type: ObjectType, body: JsonObject | None) -> bool:
    """Whether the object's customer is an account, and not a customer of Stripe's v1."""
    path = object_type.customer
    return isinstance(path, str) and text_at(body, path) is None and _account(object_type, body) is not None


def _account(object_type: ObjectType, body: JsonObject | None) -> str | None:
    """The account that is the object's customer."""
    return text_at(body, object_type.customer_account) if object_type.customer_account else None
