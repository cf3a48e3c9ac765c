"""The facts that the catalog holds about an object type.

Paths are dotted paths into an object's body. URLs contain ``{id}``, ``{parent}``, or both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Category(StrEnum):
    """What kind of data a type holds.

    An object that belongs to a single customer is activity, even if the seller creates it: a credit grant, a tax id,
    a billing profile. A limit on what a customer may spend is configuration: a rule, not something that happened.
    """

    ACTIVITY = "activity"
    """What customers do: subscriptions, invoices, usage."""
    CONFIGURATION = "configuration"
    """What is applied to customers and their activity: coupons, promotion codes, tax rates, settings, alerts."""
    CATALOG = "catalog"
    """What is sold and how it is measured: products, prices, meters, rate cards, pricing plans."""


PREVIEW_VERSION = "2026-10-14.preview"
"""The Stripe version that types in a preview were written for. A release may change it."""


class ApiChannel(StrEnum):
    """Which ``Stripe-Version`` a type is read with."""

    GA = "ga"
    """The version that the stripe library pins."""
    PREVIEW = "preview"
    """``PREVIEW_VERSION``, unless the deployment's ``StripePreviewVersion`` names another one."""


class CompareInterval(StrEnum):
    """How often reconcile compares a type with Stripe; the deployment's settings give the hours."""

    RATE_CARD_SUBSCRIPTIONS = "rate_card_subscriptions"
    """For rate card subscriptions, and for the cadences that link them to customers."""
    ACTIVITY = "activity"
    CONFIGURATION = "configuration"
    CATALOG = "catalog"


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another object that a body names: the value at ``path`` is the id of an object of ``type``."""

    path: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of objects of a type.

    With ``per``, each object of that type has such a list: its id, customer and parent replace ``{id}``,
    ``{customer}`` and ``{parent}``. ``hidden_filters`` select objects that the list may leave out (Stripe does not
    document whether it does): reconcile requests the list with each filter, unless the plain list already contained
    such objects. ``account_query`` replaces ``query`` for an object whose customer is an account. ``may_be_refused``
    marks a list for which Stripe's reference seems to require a filter that we cannot know: when Stripe refuses it,
    reconcile fetches the known objects individually. ``mostly_empty`` marks a list on which most objects of ``per``
    have nothing: it is not read while the object is new, because lists lag, and later only while something is on it.
    ``by_creation`` says that Stripe filters the list by when its objects were created.
    """

    url: str
    query: Mapping[str, str] = field(default_factory=_nothing)
    account_query: Mapping[str, str] = field(default_factory=_nothing)
    per: str | None = None
    hidden_filters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    may_be_refused: bool = False
    mostly_empty: bool = False
    by_creation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sublist:
    """A list inside a body, at ``path``, that Stripe truncates; ``url`` has the complete list.

    https://docs.stripe.com/api/pagination
    """

    path: str
    url: str
    query: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludeWhere:
    """A field that Stripe shows on request only, and whose path a request for any object or a list cannot have.

    In ``path``, ``*`` stands for every name of an object: the currencies of a price. Or the path has four names:
    Stripe expands four levels, and ``data`` is one of them in a list. So a fetch requests such a field once an answer
    has shown that the object has it: where one of the paths in ``where`` holds more than null, zero or nothing.
    A list never shows it. https://docs.stripe.com/expand#limitations
    """

    path: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something inside an owner that a part may name instead of it, at ``path``: the object at ``url`` names the owner.

    The owner's id is at ``owner``, in that object as in the part.
    """

    path: str
    url: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something without an id of its own, inside a larger object: an event about the part refreshes that owner.

    ``owners`` are the objects that the part's body or the fetched event's data may name: one part can belong to
    several. ``urls`` are the URLs by which an event may name the part, each with the path of the owner whose
    ``{parent}`` it contains; in a URL of another shape, ``segment`` shows that it is the part's. ``pieces`` lead to
    owners that nothing else names.
    """

    name: str
    resource: str
    owners: tuple[Reference, ...]
    urls: Mapping[str, str]
    segment: str
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Which meters determine what the customer of an object pays, while the object's status is one of ``statuses``.

    ``meters`` is the path to the meters in the object itself. With ``by``, it is the path in the members of the
    objects that ``by`` refers to.
    """

    statuses: tuple[str, ...]
    meters: str
    by: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectType:
    """Everything the mirror needs to know about one type of Stripe object."""

    name: str
    """The value of Stripe's ``object`` field."""
    category: Category
    retrieve: str
    """The URL of one object. Without ``{id}`` the object is a singleton, and its path is its id."""
    permission: str = ""
    """The permission of a restricted key that is named after it; empty where none is known."""
    prefix: str = ""
    """How ids begin. A guess: users can choose ids that begin alike."""
    chosen_ids: bool = False
    """Whether users can choose the ids, or once could: such an id is any text, and other types may use it too."""
    aliases: tuple[str, ...] = ()
    """Other names of the same type in Stripe's documentation."""
    resource: str = ""
    """Its event types without their last word; by default the type's name, after ``v1.`` for v1."""
    sends_no_events: bool = False
    """Whether Stripe sends no events about it."""
    test_mode_only: bool = False
    alternate_urls: tuple[str, ...] = ()
    """Other URLs by which an event may name an object."""
    listings: tuple[Listing, ...] = ()
    """Lists that together hold all objects; without any, reconcile fetches the known objects individually."""
    parent: str | None = None
    """Path to the id of the object that it belongs to."""
    owner_in_event: str | None = None
    """Path in a fetched event's data to the ``{parent}`` of the URL."""
    customer: str | Reference | None = None
    """Path to the customer's id, or the reference to an object that has one."""
    customer_account: str | None = None
    """Path to the id of the account that is the customer, where the body names no other customer."""
    parent_is_customer: bool = False
    """Whether the ``{parent}`` of the URL is a customer."""
    created: str = "created"
    """Path to the time of creation."""
    status: str | None = None
    statuses: tuple[str, ...] = ()
    """The values at ``status`` that Stripe documents; it may add to them at any time."""
    collection_status: str | None = None
    collection_statuses: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    """Fields that Stripe returns only on request: ``include`` in v2, ``expand`` in v1."""
    include_where: tuple[IncludeWhere, ...] = ()
    """More such fields, which only some objects have: a second request asks for them."""
    ignored_fields: tuple[str, ...] = ()
    """Fields that may differ between two responses although nothing has changed: links that expire."""
    sublists: tuple[Sublist, ...] = ()
    members: tuple[str, ...] = ()
    """Types with a list ``per`` object of this type; a refresh of the object reads those lists too."""
    references: tuple[Reference, ...] = ()
    """Objects that no event announces; a refresh also fetches those that are not mirrored yet."""
    changes: Reference | None = None
    """An object that changes when one of this type is created, although Stripe may send no event for it."""
    wrapper: Reference | None = None
    """What snapshot events carry instead of it: an object of ``type`` that holds it at ``path``."""
    events: tuple[str, ...] = ()
    """Event types that are themselves objects of this type: no other object holds what they report."""
    usage: Usage | None = None
    """How to find the meters by which an object's customer is billed."""
    compare_interval: CompareInterval | None = None
    """How often reconcile compares it, where that differs from the interval of its category."""

    @property
    def api(self) -> ApiChannel:
        return ApiChannel.PREVIEW if self.retrieve.startswith("/v2/billing/") else ApiChannel.GA

    @property
    def nested(self) -> bool:
        """Whether the URL needs the id of a parent."""
        return "{parent}" in self.retrieve

    @property
    def singleton(self) -> bool:
        """Whether the URL contains no id: there is one object for each parent, or only one."""
        return "{id}" not in self.retrieve

    @property
    def leads_on(self) -> bool:
        """Whether the first fetch of an object leads to others: to its members, or to one that it changes."""
        return bool(self.members) or self.changes is not None

    @property
    def resources(self) -> tuple[str, ...]:
        """Its event types without their last word, under its name and its aliases."""
        version = "v1." if self.retrieve.startswith("/v1/") else ""
        return (self.resource or f"{version}{self.name}", *(f"{version}{alias}" for alias in self.aliases))

    @property
    def interval(self) -> CompareInterval:
        """How often reconcile compares it."""
        return self.compare_interval or CompareInterval(self.category)

    def listing_per(self, type_name: str) -> Listing:
        """The list of this type's objects that each object of the named type has."""
        return next(listing for listing in self.listings if listing.per == type_name)
