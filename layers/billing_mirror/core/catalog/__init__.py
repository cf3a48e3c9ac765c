"""Which object types there are: one row for each, keyed by Stripe's own ``object`` name.

A fact about a type is written here and nowhere else; what a type needs that others do not is a field of
``object_type.py`` with a default. To mirror another type, add a row to ``v1.py`` or ``v2.py``, and a sample
of it to the tests.
"""

from collections.abc import Mapping
from types import MappingProxyType

from . import v1, v2
from .object_type import ApiChannel, Category, CompareInterval, Listing, ObjectType, Part, Reference, Sublist, Usage

__all__ = [
    "CUSTOMER",
    "EVENT_OBJECTS",
    "IGNORED",
    "METERED_TYPES",
    "PARTS",
    "RECONCILED_TYPES",
    "RESOURCES",
    "TYPES",
    "USAGE",
    "ApiChannel",
    "Category",
    "CompareInterval",
    "Listing",
    "ObjectType",
    "Part",
    "Reference",
    "Sublist",
    "Usage",
    "find_type",
    "generic_type",
]

TYPES: Mapping[str, ObjectType] = MappingProxyType(
    {object_type.name: object_type for object_type in (*v1.ROWS, *v2.ROWS)}
)
"""Every row, by name; a list's owner comes before what is listed."""

CUSTOMER = v1.CUSTOMER

USAGE = v1.USAGE
"""What a customer has used of a meter in an hour: summed up by Stripe, found by the usage sweep alone."""

METERED_TYPES: tuple[ObjectType, ...] = tuple(object_type for object_type in TYPES.values() if object_type.usage)
"""Types whose objects tell which meters a customer is billed by."""

PARTS: Mapping[str, Part] = MappingProxyType({v1.DISCOUNT.name: v1.DISCOUNT})
"""By name."""

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        **{resource: object_type.name for object_type in TYPES.values() for resource in object_type.resources},
        **{part.resource: part.name for part in PARTS.values()},
    }
)
"""The type that an event is about, by what its own type has before the last word."""

EVENT_OBJECTS: Mapping[str, ObjectType] = MappingProxyType(
    {name: object_type for object_type in TYPES.values() for name in object_type.events}
)
"""Rows of the event types that are objects themselves."""

RECONCILED_TYPES: tuple[ObjectType, ...] = tuple(
    sorted(
        (object_type for object_type in TYPES.values() if object_type not in (v1.EVENT, v1.USAGE)),
        key=lambda object_type: object_type.interval is not CompareInterval.RATE_CARD_SUBSCRIPTIONS,
    )
)
"""What reconcile compares with Stripe: what it compares most often comes first, and parents before children."""

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
"""Events, or resources of events, that are acknowledged: no object that decides a bill has changed."""


def find_type(name: str) -> ObjectType | None:
    """The row of a type, also by a name that it once had."""
    return TYPES.get(name) or next((object_type for object_type in TYPES.values() if name in object_type.aliases), None)


def generic_type(type_name: str, retrieve: str) -> ObjectType:
    """A row for a type outside the catalog: mirrored at its own URL, found by its id and by its type."""
    return ObjectType(name=type_name, category=Category.ACTIVITY, retrieve=retrieve)
