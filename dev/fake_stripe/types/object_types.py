"""What can be said of an object type? The modules `types_*.py` have one row per type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
"""A JSON object; what its fields hold depends on the object type."""


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list, and the field of the object that it is compared with."""

    name: str
    field: str = ""
    """Dotted path in the body; the parameter's own name when empty."""
    kind: Literal["text", "list", "payer", "moment", "object"] = "text"
    """`moment` asks what is in force then; `object` compares field by field (`recurring[meter]=…`)."""
    through: str = ""
    """A field naming another object, whose body is compared instead."""
    names: str = ""
    """The object type the value must name: a list filtered by an unknown id answers 404."""
    exclusive: bool = False
    """At most one of the type's exclusive filters may be given."""
    required: bool = False
    choices: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] | None = None
    """Choices that stand for several values."""


@dataclass(frozen=True)
class Entering:
    """What taking on a status causes."""

    events: tuple[str, ...] = ()
    stamp: str = ""
    """The field of `<status field>_transitions` that gets the time."""
    times: tuple[str, ...] = ()
    """Fields of the object itself that get the time."""
    ends: bool = False
    """Its event comes instead of `updated`."""


Statuses = Mapping[object, Entering]


@dataclass(frozen=True)
class Sublist:
    """A list inside an object, which Stripe cuts short; the whole of it has a URL of its own."""

    field: str
    """Dotted path in the body."""
    item: str
    """The `object` of its entries."""
    prefix: str
    url: str
    """`{id}` is the object's; after `?`, what the list has to be asked with."""
    item_path: str = ""
    """URL of one entry, when it has one."""
    names_owner: str = ""
    """The field of an entry with the object's id."""


@dataclass(frozen=True)
class ObjectType:
    name: str
    """Stripe's `object`, such as `v2.billing.rate_card`."""
    path: str
    """URL of one object; `{id}` is its own id, another placeholder its parent's. The list is one level up.
    Without `{id}` it is a singleton, whose path is its id."""
    prefix: str = ""
    missing_as: str = ""
    """The error code of its 404, where it is not what the others' is."""
    required: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    """Field -> the object type that the id in it must name."""
    parent: str = ""
    """The field holding the id of the object it is nested under."""
    nested_in: str = ""
    """The type of the object it is nested under, where no field says so."""
    listed: bool = True
    listed_only: tuple[str, str] | None = None
    """Dotted path and value of what its list holds unless it is filtered by that field."""
    list_needs_parent: str = ""
    """The query parameter of its list that names the parent, which is not in the path."""
    also_at: str = ""
    """A second URL, under an object named in its body by `also_under`."""
    also_under: str = ""
    event_stem: str = ""
    """What its event types begin with, where that is not its name."""
    events: frozenset[str] = frozenset()
    """The last words of all its event types."""
    related: bool = True
    """Its events name it as their related object."""
    statuses: Mapping[str, Statuses] = field(default_factory=dict)
    announced_at_birth: str = ""
    """The status field whose first value already causes its events."""
    told_apart: Mapping[str, str] = field(default_factory=dict)
    """Field -> the event that a change of it causes besides `updated`."""
    event_data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Event name -> field of the fetched event's `data` -> field of the object."""
    filters: tuple[Filter, ...] = ()
    created: str = "created"
    """The field with the time of its birth; empty when there is none."""
    times_at_birth: tuple[str, ...] = ()
    """Other fields that begin with that time."""
    listed_by_creation: bool = True
    """v1: its list takes `created`."""
    closed: tuple[str, str] | None = None
    """Status field and value that end its life: then updates are refused."""
    unlisted: tuple[str, str] | None = None
    """Field and value that a list leaves out unless it is filtered by that field."""
    unlisted_is_open: bool = False
    """Stripe does not say whether `unlisted` is so: a setting decides."""
    clocks_listed_by: tuple[str, ...] = ()
    """Filters one of which a list needs to show objects of a test clock; empty: it always does."""
    gated: tuple[str, ...] = ()
    """v2: fields that are null unless asked for with `include`."""
    expandable: tuple[str, ...] = ()
    """v1: dotted paths of fields that are absent unless asked for with `expand`."""
    spelled_out: tuple[str, ...] = ()
    """v1: fields with objects of which only the ids are shown unless asked for with `expand`."""
    sublists: tuple[Sublist, ...] = ()
    embeds: tuple[str, ...] = ()
    """Fields in which the API shows the whole object that is named there."""
    members: str = ""
    """The list parameter naming the version whose members are listed; otherwise the parent's live one."""
    unique: tuple[str, ...] = ()
    omits_nulls: bool = False
    test_infix: bool = True
    page_size: int = 20
    stays_when_deleted: bool = False
    """GET after deletion answers 200 with `deleted: true`."""

    @property
    def is_v1(self) -> bool:
        return self.path.startswith("/v1/")

    @property
    def is_singleton(self) -> bool:
        return "{id}" not in self.path

    @property
    def is_nested(self) -> bool:
        """Its URL names its parent."""
        return self.path.count("{") > (0 if self.is_singleton else 1)

    @property
    def list_path(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def event_prefix(self) -> str:
        return f"v1.{self.event_stem or self.name}." if self.is_v1 else f"{self.name}."

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def missing(self) -> str:
        return self.missing_as or ("resource_missing" if self.is_v1 else f"{self.short}_not_found")

    @property
    def parent_type(self) -> str:
        """The type of the object it is nested under; empty when it is not."""
        return self.nested_in or (self.references[self.parent] if self.parent else "")

    @property
    def seen_on_request(self) -> tuple[str, ...]:
        """Every field that has to be asked for."""
        return (*self.expandable, *self.spelled_out) if self.is_v1 else self.gated
