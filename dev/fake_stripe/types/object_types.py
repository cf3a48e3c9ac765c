"""Which facts describe an object type? The modules `v1_*.py` and `v2_*.py` state them for each type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
"""A JSON object; what its fields hold depends on the object type."""


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list, and the field of the object that Stripe compares with it."""

    name: str
    field: str = ""
    """Dotted path in the body; the parameter's own name when empty."""
    kind: Literal["text", "list", "payer", "moment", "object"] = "text"
    """`moment` selects what is in force then; `object` compares field by field (`recurring[meter]=…`)."""
    through: str = ""
    """A field naming another object, whose body Stripe compares instead."""
    names: str = ""
    """The object type the value must name: a list filtered by an unknown id answers 404."""
    exclusive: bool = False
    """At most one of the type's exclusive filters may be given."""
    required: bool = False
    instead: str = ""
    """Another filter that takes the place of a required one."""
    choices: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] | None = None
    """Choices that stand for several values."""


@dataclass(frozen=True)
class StatusEffects:
    """What entering a status causes."""

    events: tuple[str, ...] = ()
    stamp: str = ""
    """The field of `<status field>_transitions` that gets the time."""
    times: tuple[str, ...] = ()
    """Fields of the object itself that get the time."""
    ends: bool = False
    """Its events replace `updated`."""


Statuses = Mapping[object, StatusEffects]


@dataclass(frozen=True)
class Sublist:
    """A list inside an object. Stripe shows its first entries there; the whole list has its own URL."""

    field: str
    """Dotted path in the body."""
    item: str
    """The `object` of its entries."""
    prefix: str
    url: str
    """`{id}` is the object's; after `?` comes the query parameter that the list requires."""
    item_path: str = ""
    """URL of one entry, if entries have URLs."""
    names_owner: str = ""
    """The field of an entry with the object's id."""
    expandable: tuple[str, ...] = ()
    """Fields of an entry that are absent without `expand`."""
    expandable_objects: tuple[str, ...] = ()
    """Fields of an entry with objects that show only ids without `expand`."""


@dataclass(frozen=True)
class ObjectType:
    name: str
    """Stripe's `object`, such as `v2.billing.rate_card`."""
    path: str
    """URL of one object; `{id}` is its own id, another placeholder its parent's. The list is one level up.
    A path without `{id}` is a singleton's, and its id too."""
    prefix: str = ""
    missing_as: str = ""
    """The error code of its 404, where it differs from the usual code."""
    required: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    """Field -> the object type that the id in it must name."""
    parent: str = ""
    """The field with the parent's id."""
    nested_in: str = ""
    """The parent's type, where no field names the parent."""
    listed: bool = True
    listed_only: tuple[str, str] | None = None
    """Dotted path and value: its list shows only these objects, unless filtered by that field."""
    list_needs_parent: str = ""
    """The query parameter of its list that names the parent, where the path does not."""
    alternate_path: str = ""
    """A second URL, under the object that the field `alternate_parent` names."""
    alternate_parent: str = ""
    event_stem: str = ""
    """The start of its event types, where it is not the type's name."""
    events: frozenset[str] = frozenset()
    """The last words of all its event types."""
    related: bool = True
    """Whether its events have a related object."""
    statuses: Mapping[str, Statuses] = field(default_factory=dict)
    events_at_creation: str = ""
    """The status field whose first value causes events at creation."""
    extra_events: Mapping[str, str] = field(default_factory=dict)
    """Field -> the event that its change causes besides `updated`."""
    event_data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Event name -> field of the fetched event's `data` -> field of the object."""
    filters: tuple[Filter, ...] = ()
    created: str = "created"
    """The field with the time of creation; empty if there is none."""
    times_at_creation: tuple[str, ...] = ()
    """Other fields with the time of creation as first value."""
    listed_by_creation: bool = True
    """v1: its list accepts the filter `created`."""
    final_status: tuple[str, str] | None = None
    """Status field and final value: Stripe refuses updates from then on."""
    unlisted: tuple[str, str] | None = None
    """Field and value that a list leaves out, unless filtered by that field."""
    unlisted_is_undocumented: bool = False
    """Stripe does not document `unlisted` for this type: a setting decides."""
    clocks_listed_by: tuple[str, ...] = ()
    """Its list shows objects of a test clock only with one of these filters; empty: always."""
    includable: tuple[str, ...] = ()
    """v2: fields that are null without `include`."""
    expandable: tuple[str, ...] = ()
    """v1: dotted paths of fields that are absent without `expand`; `*` stands for every name of an object."""
    expandable_objects: tuple[str, ...] = ()
    """v1: dotted paths of fields with objects that show only ids without `expand`."""
    sublists: tuple[Sublist, ...] = ()
    snapshot_wrapper: tuple[str, str] = ("", "")
    """v1: the object that snapshot events carry instead, and its field with this one."""
    embeds: tuple[str, ...] = ()
    """Fields in which the API shows the whole object instead of its id."""
    members: str = ""
    """The list parameter that names the version whose members are listed; without it, the live version's are."""
    unique: tuple[str, ...] = ()
    omits_nulls: bool = False
    test_infix: bool = True
    page_size: int = 20
    keeps_deleted_stub: bool = False
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
        """The parent's type; empty for a type without a parent."""
        return self.nested_in or (self.references[self.parent] if self.parent else "")

    @property
    def optional_fields(self) -> tuple[str, ...]:
        """Every field that an answer shows only with `include` or `expand`."""
        if not self.is_v1:
            return self.includable
        inside = (f"{each.field}.data.{path}" for each in self.sublists for path in each.expandable)
        return (*self.expandable, *inside, *self.ids_unless_expanded)

    @property
    def ids_unless_expanded(self) -> tuple[str, ...]:
        """v1: every field with objects that shows only ids without `expand`."""
        inside = (f"{each.field}.data.{path}" for each in self.sublists for path in each.expandable_objects)
        return (*self.expandable_objects, *inside)
