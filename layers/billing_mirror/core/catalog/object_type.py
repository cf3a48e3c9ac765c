"""What can be said of an object type: the fields of a row of the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Category(StrEnum):
    """Where a type's objects come from."""

    ACTIVITY = "activity"
    """Created by what customers do: subscriptions, invoices, usage."""
    PRICING = "pricing"
    """Set up ahead: products, prices, meters, rate cards, coupons."""


class ApiChannel(StrEnum):
    """Which ``Stripe-Version`` a type is read with."""

    GA = "ga"
    """The version that the stripe library pins."""
    PREVIEW = "preview"
    """The deployment's ``StripePreviewVersion``."""


class CompareInterval(StrEnum):
    """How often reconcile compares a type; the deployment's settings say how often that is."""

    RATE_CARD_SUBSCRIPTIONS = "subscriptions"
    """Rate card subscriptions, and the cadences through which they belong to customers."""
    ACTIVITY = "activity"
    PRICING = "pricing"


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another object that a body names: the id at ``path`` is one of an object of ``type``."""

    path: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of objects of a type.

    With ``per`` there is one list for each object of that type, whose id, customer and parent are filled in for
    ``{id}``, ``{customer}`` and ``{parent}``. ``hidden`` are filters for objects that the list may leave out
    (Stripe does not say whether it does): each is asked for on its own, unless the plain list turned out to
    hold such objects. A list is ``doubtful`` where Stripe's reference seems to demand a filter that we cannot know:
    when it is refused, the objects that are known are looked at one by one.
    """

    url: str
    query: Mapping[str, str] = field(default_factory=_nothing)
    per: str | None = None
    hidden_filters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    may_be_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sublist:
    """A list inside a body, at ``path``, that Stripe cuts short; the whole of it is at ``url``.

    https://docs.stripe.com/api/pagination
    """

    path: str
    url: str
    query: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something without an id of its own that a bigger object contains: news of it is news of its owner.

    ``urls`` are those under which an event may name it, each with the type of the owner whose ``{id}`` is in it.
    Where there is no URL, its body or the fetched event's data names the owner of type ``of`` at ``owner``.
    """

    name: str
    resource: str
    urls: Mapping[str, str]
    of: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Which meters decide what the customer of an object pays, while its status is one of ``statuses``.

    ``meters`` is where the object names them; with ``by``, it is where the members of the objects named there do.
    """

    statuses: tuple[str, ...]
    meters: str
    by: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectType:
    """One row. Paths are dotted paths into the body; URLs have ``{id}``, ``{parent}``, or both."""

    name: str
    """Stripe's own ``object``."""
    category: Category
    retrieve: str
    """Where one object is. A URL without ``{id}`` is that of a singleton: its path is its id."""
    prefix: str = ""
    """How ids begin, for people; code never asks."""
    chosen_ids: bool = False
    """Whether people may choose the ids, or could once: then they are any text, and may be those of other types."""
    aliases: tuple[str, ...] = ()
    """Other names that Stripe's documentation has for the same type."""
    resource: str = ""
    """What comes before the last word of its event types; by default its name, after ``v1.`` for v1."""
    sends_no_events: bool = False
    """Whether Stripe sends no events of it."""
    test_mode_only: bool = False
    alternate_urls: tuple[str, ...] = ()
    """Other URLs under which an event may name it."""
    listings: tuple[Listing, ...] = ()
    """Lists that together hold all objects; without any, known objects are looked at one by one."""
    parent: str | None = None
    """Where the body names the object that it belongs to."""
    owner_in_event: str | None = None
    """Where a fetched event's data names the ``{parent}`` of the URL."""
    customer: str | Reference | None = None
    parent_is_customer: bool = False
    """Whether the ``{parent}`` of the URL is a customer."""
    created: str = "created"
    """Where the body says when it was created."""
    status: str | None = None
    collection_status: str | None = None
    include: tuple[str, ...] = ()
    """Fields that Stripe shows on request only: v2's ``include``, v1's ``expand``."""
    ignored_fields: tuple[str, ...] = ()
    """Members that may differ from one answer to the next although nothing has changed: links that expire."""
    sublists: tuple[Sublist, ...] = ()
    members: tuple[str, ...] = ()
    """Types with a list ``per`` object of this one that is read whenever the object is."""
    references: tuple[Reference, ...] = ()
    """Objects that no event announces: they are fetched when they are not mirrored yet."""
    changes: Reference | None = None
    """An object that a new one of this type changes, although Stripe may send no event for it."""
    events: tuple[str, ...] = ()
    """Event types that are objects of this type themselves: what they tell is in no other object."""
    usage: Usage | None = None
    """How an object tells which meters its customer is billed by."""
    compare_interval: CompareInterval | None = None
    """How often reconcile compares it, where it is not as its nature says."""

    @property
    def api(self) -> ApiChannel:
        return ApiChannel.PREVIEW if self.retrieve.startswith("/v2/billing/") else ApiChannel.GA

    @property
    def nested(self) -> bool:
        """Whether the URL needs the id of a parent."""
        return "{parent}" in self.retrieve

    @property
    def singleton(self) -> bool:
        """Whether there is no id in the URL: one object for each parent, or just one."""
        return "{id}" not in self.retrieve

    @property
    def resources(self) -> tuple[str, ...]:
        """What its event types have before their last word."""
        version = "v1." if self.retrieve.startswith("/v1/") else ""
        return (self.resource or f"{version}{self.name}", *(f"{version}{alias}" for alias in self.aliases))

    @property
    def interval(self) -> CompareInterval:
        """How often reconcile compares it."""
        return self.compare_interval or CompareInterval(self.category)

    def listing_per(self, type_name: str) -> Listing:
        """The list that each object of that type has of objects of this one."""
        return next(listing for listing in self.listings if listing.per == type_name)
