"""The catalog of object types, keyed by Stripe's own ``object`` name.

This package holds every fact about a type, and no other module does. What only some types need is a field of
``ObjectType`` with a default. To mirror another type, add it to ``v1.py`` or ``v2.py``, and a sample of it to the
tests.
"""

from collections.abc import Mapping
from types import MappingProxyType

from . import v1, v2
from .object_type import (
    PREVIEW_VERSION,
    ApiChannel,
    Category,
    CompareInterval,
    IncludeWhere,
    Listing,
    ObjectType,
    Part,
    Piece,
    Reference,
    Sublist,
    Usage,
)

__all__ = [
    "CUSTOMER",
    "DEPENDANTS",
    "EVENT_OBJECTS",
    "IGNORED",
    "MEMBERS",
    "METERED_TYPES",
    "OWNERS",
    "PARTS",
    "PREVIEW_VERSION",
    "RECONCILED_TYPES",
    "RESOURCES",
    "TYPES",
    "USAGE",
    "WRAPPERS",
    "ApiChannel",
    "Category",
    "CompareInterval",
    "IncludeWhere",
    "Listing",
    "ObjectType",
    "Part",
    "Piece",
    "Reference",
    "Sublist",
    "Usage",
    "find_type",
    "find_type_of_id",
    "generic_type",
    "is_ignored",
]

TYPES: Mapping[str, ObjectType] = MappingProxyType(
    {object_type.name: object_type for object_type in (*v1.OBJECT_TYPES, *v2.OBJECT_TYPES)}
)
"""Every object type, by name. A type that others are listed per comes before them."""

CUSTOMER = v1.CUSTOMER

USAGE = v1.USAGE
"""A customer's usage of a meter in one hour, summed up by Stripe; only the usage job reads it."""

METERED_TYPES: tuple[ObjectType, ...] = tuple(object_type for object_type in TYPES.values() if object_type.usage)
"""Types whose objects determine the meters by which a customer is billed."""

PARTS: Mapping[str, Part] = MappingProxyType({part.name: part for part in v1.PARTS})
"""Every part, by name."""

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        **{resource: object_type.name for object_type in TYPES.values() for resource in object_type.resources},
        **{part.resource: part.name for part in PARTS.values()},
    }
)
"""The object type that an event is about, by the event type without its last word."""

EVENT_OBJECTS: Mapping[str, ObjectType] = MappingProxyType(
    {name: object_type for object_type in TYPES.values() for name in object_type.events}
)
"""Object types whose objects are events themselves, by event type."""

RECONCILED_TYPES: tuple[ObjectType, ...] = tuple(
    sorted(
        (object_type for object_type in TYPES.values() if object_type not in (v1.EVENT, v1.USAGE)),
        key=lambda object_type: object_type.interval is not CompareInterval.RATE_CARD_SUBSCRIPTIONS,
    )
)
"""The types that reconcile compares with Stripe: most often compared first, parents before children."""

WRAPPERS: Mapping[str, ObjectType] = MappingProxyType(
    {object_type.wrapper.type: object_type for object_type in TYPES.values() if object_type.wrapper}
)
"""Object types that snapshot events carry inside another object, by the name of that object."""

DEPENDANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        owner: tuple(
            object_type.name
            for object_type in TYPES.values()
            if isinstance(object_type.customer, Reference) and object_type.customer.type == owner
        )
        for owner in TYPES
    }
)
"""By type, the types whose objects take their customer from an object of that type."""

MEMBERS = frozenset(name for owner in TYPES.values() for name in owner.members)
"""The types of which an owner has lists."""

OWNERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(owner for owner in TYPES if name in DEPENDANTS[owner] or name in TYPES[owner].members)
        for name in TYPES
    }
)
"""By type, the types whose objects know the customer or the parent of its objects: those are worked on first."""

IGNORED = frozenset(
    {
        "v1.account.application",
        "v1.account.external_account",
        "v1.balance",
        "v1.balance_settings",
        "v1.billing_portal.session",
        "v1.invoice.upcoming",
        "v2.core.account_link",
        "v2.core.event_destination",
    }
)
"""Events to acknowledge without a fetch: none changes an object that affects a bill.

Each entry is an event type, or an event type without its last word.
"""


def is_ignored(event_type: str) -> bool:
    """Whether an event of this type is acknowledged without a fetch."""
    return not IGNORED.isdisjoint((event_type, event_type.rpartition(".")[0]))


def find_type(name: str) -> ObjectType | None:
    """The object type with this name or alias."""
    return TYPES.get(name) or next((object_type for object_type in TYPES.values() if name in object_type.aliases), None)


def find_type_of_id(object_id: str) -> ObjectType | None:
    """The object type whose prefix the id has: a guess, because users can choose ids that begin alike."""
    found = (one for one in TYPES.values() if one.prefix and object_id.startswith(one.prefix))
    return max(found, key=lambda one: len(one.prefix), default=None)


def generic_type(type_name: str, retrieve: str) -> ObjectType:
    """An object type outside the catalog: mirrored from its own URL, found by id and by type."""
    return ObjectType(name=type_name, category=Category.ACTIVITY, retrieve=retrieve)
