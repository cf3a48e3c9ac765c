"""What can be said of an object type? `types_v1.py` and `types_v2.py` have one row per type."""

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
    kind: Literal["text", "list", "payer"] = "text"
    through: str = ""
    """A field naming another object, whose body is compared instead."""
    names: str = ""
    """The object type the value must name: a list filtered by an unknown id answers 404."""
    exclusive: bool = False
    """At most one of the type's exclusive filters may be given."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entering:
    """What taking on a status causes."""

    events: tuple[str, ...] = ()
    stamp: str = ""
    """The field of `<status field>_transitions` that gets the time."""


@dataclass(frozen=True)
class ObjectType:
    name: str
    """Stripe's `object`, such as `v2.billing.rate_card`."""
    prefix: str
    path: str
    """URL of one object; `{id}` is its own id, another placeholder its parent's. The list is one level up."""
    missing: str = "resource_missing"
    """The error code of its 404."""
    required: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    """Field -> the object type that the id in it must name."""
    parent: str = ""
    """The field holding the id of the object it is nested under."""
    events: frozenset[str] = frozenset()
    """Which of created, updated and deleted exist for it."""
    statuses: Mapping[str, Mapping[object, Entering]] = field(default_factory=dict)
    announced_at_birth: str = ""
    """The status field whose first value already causes its events."""
    event_data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Event name -> field of the fetched event's `data` -> field of the object."""
    filters: tuple[Filter, ...] = ()
    closed: tuple[str, str] | None = None
    """Status field and value that end its life: then updates are refused, and a list without a filter on
    that field leaves it out (a setting)."""
    gated: tuple[str, ...] = ()
    """Fields that are null unless asked for with `include`."""
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
    def list_path(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def event_prefix(self) -> str:
        return f"v1.{self.name}." if self.is_v1 else f"{self.name}."

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]
