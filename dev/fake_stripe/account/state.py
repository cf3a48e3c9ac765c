"""Which objects exist, now and as of any earlier change?

Every object keeps all of its revisions: a `View` answers as of a change, and stale reads, as a late replica gives
them, are reads through an older view.
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
    """Number of the change that made the revision; bodies are never altered afterwards."""
    body: Body
    removed: bool = False
    members: tuple[str, ...] = ()
    """Of a version: members that do not name the version themselves."""
    parent: str = ""
    """The id of the parent, also where no field has it."""


@dataclass
class Entity:
    """One object with all its revisions."""

    object_type: ObjectType
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
    """A customer's usage as one meter event reports it."""

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
        """Writes inside the block belong to one change, and are undone when the block fails."""
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
                del self.entities[entity.id], self.by_type[entity.object_type.name][entity.id]
        self.changes.pop()

    def add(self, object_type: ObjectType, body: Body, members: tuple[str, ...] = (), parent: str = "") -> Entity:
        identifier = (
            url_of(object_type, "", parent) if object_type.is_singleton else body.get("id") or self.new_id(object_type)
        )
        if identifier in self.entities:
            raise ApiError(400, f"{identifier} exists already.", code="resource_already_exists")
        own_id = {} if object_type.is_singleton else {"id": identifier}
        whole = own_id | {"object": object_type.name, "livemode": self.livemode} | body
        return self.keep(object_type, identifier, whole, members, parent)

    def keep(
        self, object_type: ObjectType, identifier: str, body: Body, members: tuple[str, ...] = (), parent: str = ""
    ) -> Entity:
        """Keep a body as it is, as the object's first revision or its next."""
        entity = self.entities.get(identifier) or Entity(object_type, identifier, position=len(self.entities))
        if entity.object_type is not object_type:
            raise ApiError(400, f"{identifier} is a {entity.object_type.name}.", code="resource_already_exists")
        whole = complete(object_type, identifier, body)
        entity.revisions.append(Revision(len(self.changes), whole, members=members, parent=parent))
        entity.reads = 0
        self.entities[identifier] = entity
        self.by_type.setdefault(object_type.name, {})[identifier] = entity
        return entity

    def write(self, entity: Entity, body: Body, *, removed: bool = False) -> None:
        whole = complete(entity.object_type, entity.id, body)
        before = entity.now
        entity.revisions.append(Revision(len(self.changes), whole, removed, before.members, before.parent))
        entity.reads = 0

    def new_id(self, object_type: ObjectType) -> str:
        if not object_type.prefix:
            return random_text(8)
        if not object_type.test_infix:
            return f"{object_type.prefix}_{random_text(14)}"
        infix = "" if self.livemode else "test_"
        return f"{object_type.prefix}_{infix}61{random_text(48)}"

    def existing(self, type_name: str, identifier: str) -> Entity:
        entity = self.find(type_name, identifier)
        if entity is None:
            object_type = OBJECT_TYPES[type_name]
            raise not_found(object_type.missing, object_type.short, identifier)
        return entity

    def change_as_of(self, seconds: float) -> int:
        """The number of the newest change that is at least so many seconds old."""
        return bisect_right(self.changes, time.monotonic() - seconds)

    def find(self, type_name: str, identifier: str) -> Entity | None:
        """The object, unless it is removed."""
        entity = self.by_type.get(type_name, {}).get(identifier)
        return entity if entity and not entity.now.removed else None

    def view(self, change: int | None = None) -> "View":
        return View(self, len(self.changes) if change is None else change)


@dataclass(frozen=True)
class View:
    """An account as of one of its changes."""

    account: Account
    change: int

    def find(self, type_name: str, identifier: str) -> Revision | None:
        entity = self.account.by_type.get(type_name, {}).get(identifier)
        return entity.as_of(self.change) if entity else None

    def existing(self, type_name: str, identifier: str) -> Revision:
        revision = self.find(type_name, identifier)
        if revision is None or revision.removed:
            object_type = OBJECT_TYPES[type_name]
            raise not_found(object_type.missing, object_type.short, identifier)
        return revision

    def all(self, type_name: str) -> Iterator[tuple[int, Revision]]:
        """Position and revision of each object, newest first."""
        for entity in reversed(self.account.by_type.get(type_name, {}).values()):
            revision = entity.as_of(self.change)
            if revision is not None:
                yield entity.position, revision
