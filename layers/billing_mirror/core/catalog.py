"""Which object types there are: one row for each, keyed by Stripe's own ``object`` name.

A fact about a type is written here and nowhere else; what a type needs that others do not is a field
with a default. Sources: https://docs.stripe.com/api/v2 and the preview SDK's services for v2.billing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Nature(StrEnum):
    """Where a type's objects come from."""

    ACTIVITY = "activity"
    """Created by what customers do: subscriptions, invoices, usage."""
    PRICING = "pricing"
    """Set up ahead: products, prices, meters, rate cards, coupons."""


class ApiLine(StrEnum):
    """Which ``Stripe-Version`` a type is read with."""

    GA = "ga"
    """The version that the stripe library pins."""
    PREVIEW = "preview"
    """The deployment's ``StripePreviewVersion``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """A value that the object does not carry itself: follow ``path`` to an object of ``type``, ask there."""

    path: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A list that belongs to an object: read in full whenever the object is.

    Objects of ``type`` at ``list``, asked with ``query``; ``{id}`` and ``{parent}`` are filled in.
    """

    type: str
    list: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How all objects of a type are listed.

    ``hidden`` are filters for objects that the plain list may leave out (Stripe does not say whether it
    does): each is asked for on its own, unless the plain list turned out to hold such objects.
    """

    url: str
    hidden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectType:
    """One row. Paths are dotted paths into the body; URLs have ``{id}`` and, when nested, ``{parent}``."""

    name: str
    nature: Nature
    retrieve: str
    prefix: str = ""
    api: ApiLine = ApiLine.PREVIEW
    listing: Listing | None = None
    parent: str | None = None
    parent_in_event: str | None = None
    customer: str | Via | None = None
    status: str | None = None
    collection_status: str | None = None
    include: tuple[str, ...] = ()
    members: tuple[Members, ...] = ()
    changes: Via | None = None
    """An object that a new one of this type changes, although Stripe may send no event for it."""

    @property
    def nested(self) -> bool:
        """Whether the URL needs the id of a parent."""
        return "{parent}" in self.retrieve


_METERED_ITEM = ObjectType(
    name="v2.billing.metered_item",
    nature=Nature.PRICING,
    prefix="bli_",
    retrieve="/v2/billing/metered_items/{id}",
    listing=Listing(url="/v2/billing/metered_items"),
    parent="meter",
)

_RATE_CARD = ObjectType(
    name="v2.billing.rate_card",
    nature=Nature.PRICING,
    prefix="rcd_",
    retrieve="/v2/billing/rate_cards/{id}",
    listing=Listing(url="/v2/billing/rate_cards"),
)

_RATE = ObjectType(
    name="v2.billing.rate_card_rate",
    nature=Nature.PRICING,
    prefix="rcdr_",
    retrieve="/v2/billing/rate_cards/{parent}/rates/{id}",
    parent="rate_card",
    parent_in_event="rate_card",
)

_RATE_CARD_VERSION = ObjectType(
    name="v2.billing.rate_card_version",
    nature=Nature.PRICING,
    prefix="rcdv_",
    retrieve="/v2/billing/rate_cards/{parent}/versions/{id}",
    parent="rate_card_id",
    parent_in_event="rate_card_id",
    changes=Via(path="rate_card_id", type=_RATE_CARD.name),
    members=(
        Members(
            type=_RATE.name,
            list="/v2/billing/rate_cards/{parent}/rates",
            query=MappingProxyType({"rate_card_version": "{id}"}),
        ),
    ),
)

_CADENCE = ObjectType(
    name="v2.billing.cadence",
    nature=Nature.ACTIVITY,
    prefix="bc_",
    retrieve="/v2/billing/cadences/{id}",
    listing=Listing(url="/v2/billing/cadences"),
    customer="payer.customer",
    status="status",
    include=("invoice_discount_rules", "settings_data"),
)

_RATE_CARD_SUBSCRIPTION = ObjectType(
    name="v2.billing.rate_card_subscription",
    nature=Nature.ACTIVITY,
    prefix="rcds_",
    retrieve="/v2/billing/rate_card_subscriptions/{id}",
    listing=Listing(
        url="/v2/billing/rate_card_subscriptions",
        hidden=MappingProxyType({"servicing_status": "canceled"}),
    ),
    parent="rate_card",
    customer=Via(path="billing_cadence", type=_CADENCE.name),
    status="servicing_status",
    collection_status="collection_status",
)

TYPES: Mapping[str, ObjectType] = MappingProxyType(
    {row.name: row for row in (_METERED_ITEM, _RATE_CARD, _RATE, _RATE_CARD_VERSION, _CADENCE, _RATE_CARD_SUBSCRIPTION)}
)
"""Every row, by name; a type that others point to comes before them."""

RECONCILED = (_RATE_CARD_SUBSCRIPTION, _CADENCE, _RATE_CARD, _METERED_ITEM)
"""What reconcile compares with Stripe, in this order: what customers are billed by comes first."""

IGNORED_EVENTS = frozenset({"v2.core.event_destination.ping"})
"""Event types that are acknowledged and say nothing about billing."""


def row(type_name: str, url: str) -> ObjectType:
    """The row of a type; for a type outside the catalog a generic one that mirrors it at its own ``url``."""
    return TYPES.get(type_name) or ObjectType(
        name=type_name,
        nature=Nature.ACTIVITY,
        retrieve=url,
        api=ApiLine.PREVIEW if url.startswith("/v2/billing/") else ApiLine.GA,
    )
