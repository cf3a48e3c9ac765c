"""Changes: what one write of the mirror has changed, from the object's item before and after it.

A change becomes an event on the stack's event bus, ``<object type>.<created | updated | removed | restored>``.
Consumers see each change at least once, and know it again by its token, which grows with each write of an object.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .. import json_body, times
from ..json_body import Json, JsonObject
from ..table import items
from ..table.items import INDEX_COLUMNS, Item
from ..table.mirror_state import UNCLAIMED_TOKEN, ends_at
from ..table.stored import StoredObject
from . import json_edits

MAX_EDITS = 48 * 1024
"""Bytes of a change's edits and members: with the rest, an event stays below the 64 KB that EventBridge bills as one.

https://aws.amazon.com/eventbridge/pricing/
"""
COLUMNS = tuple(name for name in INDEX_COLUMNS if name != "created")
"""The columns that a change shows before and after it."""

ERASED_AT = "erased_at"
"""The column that an erasure leaves in a tombstone."""
REMOVED_STATE = "removed"
"""Stands for the digest of a state without a body that counts."""


class ChangeKind(StrEnum):
    """What happened to an object, as the mirror has seen it."""

    CREATED = "created"
    """The mirror holds it for the first time: Stripe may have had it for long."""
    UPDATED = "updated"
    REMOVED = "removed"
    """Stripe no longer has it; the mirror keeps the last known body."""
    RESTORED = "restored"
    """Stripe shows an object again that the mirror held as removed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write that changed something: the items of the object before it, if any, and after it."""

    kind: ChangeKind
    before: StoredObject | None
    after: StoredObject

    @property
    def id(self) -> str:
        return items.id_in(self.after.columns)

    @property
    def type(self) -> str:
        return str(self.after.columns["type"])

    @property
    def scope(self) -> str:
        return str(self.after.columns["scope"])

    @property
    def detail_type(self) -> str:
        """The name by which consumers choose events."""
        return f"{self.type}.{self.kind}"

    @property
    def token(self) -> int:
        return token_in(self.after.columns)

    @property
    def changed_columns(self) -> list[str]:
        """The index columns that have another value than before, sorted; none of a new object."""
        if self.before is None:
            return []
        return [name for name in sorted(COLUMNS) if self.after.columns.get(name) != self.before.columns.get(name)]

    @property
    def event(self) -> tuple[str, str] | None:
        """When Stripe created the event that announced the change, and the event's id; None where none did.

        It is the newest event received before the fetch, and newer than the fetch that the write replaced: what an
        older one announced, that fetch has shown.
        """
        created_at = _text(self.after.columns, "last_event_at")
        if created_at is None or (self.before is not None and _precedes(created_at, self.before.columns)):
            return None
        return created_at, str(self.after.columns.get("last_event_id", ""))

    @property
    def at(self) -> str:
        """The moment of the change (ISO 8601, UTC): that of its event, by Stripe's clock, or else of our fetch."""
        return self.event[0] if self.event else str(self.after.columns["fetched_at"])


def change_between(before: StoredObject | None, after: StoredObject) -> Change | None:
    """The change that a write has made; None where it has changed nothing that the mirror shows of an object.

    What is written by hand is no change, and a marker is no object.
    """
    if not is_write(before, after):
        return None
    was, is_ = is_live(before), is_live(after)
    if not is_:
        removed = is_tombstone(after) and (was or before is None)
        return Change(ChangeKind.REMOVED, before, after) if removed else None
    if was and before is not None and not _differ(before, after):
        return None
    kind = ChangeKind.UPDATED if was else ChangeKind.RESTORED if is_tombstone(before) else ChangeKind.CREATED
    return Change(kind, before if kind is not ChangeKind.CREATED else None, after)


def is_write(before: StoredObject | None, after: StoredObject) -> bool:
    """Whether an item was written by the write rule: under a higher token. By hand, an item keeps its token."""
    return before is None or token_in(before.columns) < token_in(after.columns)


def is_erasure(before: StoredObject | None, after: StoredObject) -> bool:
    """Whether a write has erased what the mirror kept of an object: its former states have to go, too."""
    erased_at = after.columns.get(ERASED_AT)
    return erased_at is not None and (before is None or before.columns.get(ERASED_AT) != erased_at)


def detail(change: Change) -> JsonObject:
    """The event's detail, as docs/change.schema.json describes it."""
    after, before = change.after.columns, change.before.columns if change.before else None
    edits, has_all_edits = json_edits.bounded(_edits(change), MAX_EDITS)
    has_all_edits &= change.kind is ChangeKind.REMOVED or shows_its_digest(change.after)
    members = {} if change.kind is ChangeKind.REMOVED else _members(change.after)
    has_all_members = len(json_body.write(members)) <= MAX_EDITS - sum(len(json_body.write(one)) for one in edits)
    return {
        "schema_version": SCHEMA_VERSION,
        "scope": change.scope,
        "id": change.id,
        "type": change.type,
        "customer": _text(after, "customer") or _text(before, "customer"),
        "parent": _text(after, "parent") or _text(before, "parent"),
        "token": change.token,
        "digest": body_digest(change.after),
        "previous_digest": body_digest(change.before) if change.before is not None else None,
        "before": _columns(before) if before is not None else None,
        "after": _columns(after),
        "changed_columns": [*change.changed_columns],
        "changed": [*edits],
        "members": members if has_all_members else {},
        "complete": has_all_edits and has_all_members,
        "fetched_at": str(after["fetched_at"]),
        "previous_fetched_at": str(before["fetched_at"]) if before is not None else None,
        "last_event_at": _text(after, "last_event_at"),
        "last_event_id": _text(after, "last_event_id"),
        "announced": change.event is not None,
        "stripe_version": str(after.get("stripe_version", "")),
    }


SCHEMA_VERSION = 1
"""Grows where a detail changes so that a consumer could misread it; new members alone do not count."""


def body_digest(stored: StoredObject) -> str:
    """The digest of the whole body; ``""`` where the item has none."""
    return _text(stored.columns, "body_digest") or _text(stored.columns, "digest") or ""


def state_digest(stored: StoredObject) -> str:
    """Equal for two items of an object that show the same state, by the digest that the item has of its body."""
    if not is_live(stored):
        return REMOVED_STATE
    columns = {name: _text(stored.columns, name) for name in INDEX_COLUMNS}
    return json_body.digest({"body": body_digest(stored), "members": _members(stored), **columns})


def is_tombstone(stored: StoredObject | None) -> bool:
    return stored is not None and stored.columns.get("deleted") is True


def is_live(stored: StoredObject | None) -> bool:
    """Whether an item holds an object that Stripe has: neither a tombstone nor a marker."""
    return stored is not None and not is_tombstone(stored) and "digest" in stored.columns


def _precedes(created_at: str, columns: Item) -> bool:
    """Whether an event that Stripe created then is older than the fetch of an item, or was known before it."""
    known, fetched_at = columns.get("last_event_at"), str(columns["fetched_at"])
    return created_at == known or ends_at(times.seconds(created_at)) <= times.seconds(fetched_at)


def token_in(columns: Item) -> int:
    """The token of an object's item."""
    token = columns.get("token")
    return token if isinstance(token, int) else UNCLAIMED_TOKEN


def _differ(before: StoredObject, after: StoredObject) -> bool:
    """Whether two items of a live object show different states, for readers of the mirror."""
    if any(before.columns.get(name) != after.columns.get(name) for name in (*INDEX_COLUMNS, "members")):
        return True
    if before.body is None or after.body is None:  # not in the item; digests are
        return state_digest(before) != state_digest(after)
    return json_body.canonical(before.body) != json_body.canonical(after.body)


def _edits(change: Change) -> list[JsonObject]:
    """What has changed in the body. Of an object that a consumer does not know, the body is one edit."""
    if change.kind is ChangeKind.REMOVED or change.after.body is None:
        return []
    if change.kind is ChangeKind.UPDATED and change.before is not None and shows_its_digest(change.before):
        return [*json_edits.edits(change.before.body, change.after.body)]
    return [{json_edits.PATH: "", json_edits.AFTER: change.after.body}]


def shows_its_digest(stored: StoredObject) -> bool:
    """Whether the body is in the item, and is the one that its digest names: no hand has changed it."""
    if stored.body is None:
        return False
    if "body_digest" in stored.columns:
        return json_body.digest(stored.body) == stored.columns["body_digest"]
    return json_body.digest(stored.body) == stored.columns.get("digest")


def _members(stored: StoredObject) -> JsonObject:
    """By type, the ids on the lists that belong to the object: all of them, so that no change builds on another."""
    return {name: [*sorted(ids)] for name, ids in sorted(items.members_in(stored.columns).items())}


def _columns(columns: Item) -> JsonObject:
    return {name: _text(columns, name) for name in COLUMNS}


def _text(columns: Mapping[str, Json | bytes] | None, name: str) -> str | None:
    value = (columns or {}).get(name)
    return value if isinstance(value, str) else None
