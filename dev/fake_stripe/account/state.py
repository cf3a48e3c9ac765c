"""What exists, now and as of any earlier change?

Every object keeps all of its revisions, so that a late replica can be imitated: a `View` answers as of a
change, and stale reads are reads through an older view.
"""

import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from dev.fake_stripe.api.protocol import ApiError, not_found, random_text
from dev.fake_stripe.api.sublists import complete
from dev.fake_stripe.api.urls import url_of
from dev.fake_stripe.events.event import Event
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType


@dataclass(frozen=True)
class Revision:
    change: int
    """Number of the change that made it; bodies are never altered afterwards."""
    body: Body
    removed: bool = False
    members: tuple[str, ...] = ()
    """Of a version: what is in it besides what names it."""
    parent: str = ""
    """The object it is nested under, also where no field says so."""


@dataclass
class Entity:
    """One object through its life."""

    row: ObjectType
    id: str
    position: int
    """Order of creation in its account."""
    revisions: list[Revision] = field(default_factory=list)
    reads: int = 0
    """GETs since its last change."""

    def as_of(self, change: int) -> Revision | None:
        return next((revision for revision in reversed(self.revisions) if revision.change <= change), None)

    @property
    def now(self) -> Revision:
        return self.revisions[-1]


@dataclass(frozen=True)
class Usage:
    """What a customer used, in one meter event."""

    meter: str
    customer: str
    value: Decimal
    timestamp: int


@dataclass
class Account:
    """One account's data in one mode (test or live)."""

    context: str
    """Empty for the key's own account."""
    livemode: bool
    entities: dict[str, Entity] = field(default_factory=dict)
    by_type: dict[str, dict[str, Entity]] = field(default_factory=dict)
    changes: list[float] = field(default_factory=list)
    """Monotonic instant of every change."""
    events: dict[str, Event] = field(default_factory=dict)
    usage: list[Usage] = field(default_factory=list)

    @contextmanager
    def change(self) -> Iterator[None]:
        """What is written inside belongs to one change, and is undone when it fails."""
        self.changes.append(time.monotonic())
        complete = False
        try:
            yield
            complete = True
        finally:
            if not complete:
                self._undo()

    def _undo(self) -> None:
        for entity in list(self.entities.values()):
            entity.revisions = [kept for kept in entity.revisions if kept.change < len(self.changes)]
            if not entity.revisions:
                del self.entities[entity.id], self.by_type[entity.row.name][entity.id]
        self.changes.pop()

    def add(self, row: ObjectType, body: Body, members: tuple[str, ...] = (), parent: str = "") -> Entity:
        identifier = url_of(row, "", parent) if row.is_singleton else body.get("id") or self.new_id(row)
        if identifier in self.entities:
            raise ApiError(400, f"{identifier} exists already.", code="resource_already_exists")
        own_id = {} if row.is_singleton else {"id": identifier}
        whole = own_id | {"object": row.name, "livemode": self.livemode} | body
        return self.keep(row, identifier, whole, members, parent)

    def keep(
        self, row: ObjectType, identifier: str, body: Body, members: tuple[str, ...] = (), parent: str = ""
    ) -> Entity:
        """Keep a body as it is, whether it is the object's first or not."""
        entity = self.entities.get(identifier) or Entity(row, identifier, position=len(self.entities))
        if entity.row is not row:
            raise ApiError(400, f"{identifier} is a {entity.row.name}.", code="resource_already_exists")
        whole = complete(row, identifier, body)
        entity.revisions.append(Revision(len(self.changes), whole, members=members, parent=parent))
        entity.reads = 0
        self.entities[identifier] = entity
        self.by_type.setdefault(row.name, {})[identifier] = entity
        return entity

    def write(self, entity: Entity, body: Body, *, removed: bool = False) -> None:
        whole = complete(entity.row, entity.id, body)
        before = entity.now
        entity.revisions.append(Revision(len(self.changes), whole, removed, before.members, before.parent))
        entity.reads = 0

    def new_id(self, row: ObjectType) -> str:
        if not row.prefix:
            return random_text(8)
        if not row.test_infix:
            return f"{row.prefix}_{random_text(14)}"
        infix = "" if self.livemode else "test_"
        return f"{row.prefix}_{infix}61{random_text(48)}"

    def existing(self, object_type: str, identifier: str) -> Entity:
        entity = self.find(object_type, identifier)
        if entity is None:
            row = OBJECT_TYPES[object_type]
            raise not_found(row.missing, row.short, identifier)
        return entity

    def change_as_of(self, seconds: float) -> int:
        """The number of the last change that is at least so many seconds old."""
        return bisect_right(self.changes, time.monotonic() - seconds)

    def find(self, object_type: str, identifier: str) -> Entity | None:
        """The object, unless it is removed."""
        entity = self.by_type.get(object_type, {}).get(identifier)
        return entity if entity and not entity.now.removed else None

    def view(self, change: int | None = None) -> "View":
        return View(self, len(self.changes) if change is None else change)


@dataclass(frozen=True)
class View:
    """An account as of one of its changes."""

    account: Account
    change: int

    def find(self, object_type: str, identifier: str) -> Revision | None:
        entity = self.account.by_type.get(object_type, {}).get(identifier)
        return entity.as_of(self.change) if entity else None

    def existing(self, object_type: str, identifier: str) -> Revision:
        revision = self.find(object_type, identifier)
        if revision is None or revision.removed:
            row = OBJECT_TYPES[object_type]
            raise not_found(row.missing, row.short, identifier)
        return revision

    def all(self, object_type: str) -> Iterator[tuple[int, Revision]]:
        """Position and revision of each object, newest first."""
        for entity in reversed(self.account.by_type.get(object_type, {}).values()):
            revision = entity.as_of(self.change)
            if revision is not None:
                yield entity.position, revision
