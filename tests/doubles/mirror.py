"""The table, in memory."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from billing_mirror.adapters.table.attributes import body_in, stored_object
from billing_mirror.adapters.table.chunked_write import DYNAMODB, Replaced, put_chunked
from billing_mirror.core import times
from billing_mirror.core.errors import TransientError, UnreadableBody, UnstorableObject
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, stored_ref
from billing_mirror.core.runs.forgetting import ERASED_COLUMNS, FoundObject, FoundPage, RemovalNote, customer_named
from billing_mirror.core.table import chunks
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import (
    FORMER_CUSTOMER,
    INDEX_COLUMNS,
    Item,
    id_in,
    last_events_in,
    members_in,
    missing_fields_in,
)
from billing_mirror.core.table.left import partitions_left
from billing_mirror.core.table.mirror_state import (
    CLAIMS_KEPT,
    NO_EVENTS,
    UNCLAIMED_TOKEN,
    AlreadyClaimed,
    Claim,
    Head,
    LastEvents,
    follows_events,
    latest_events,
)
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.core.table.unstorable import UnstorableNote, sort_keys_of
from billing_mirror.ports import IndexEntry

REFUSED = "the table takes no such item"
MAX_ITEM = 400 * 1024
"""Characters of an item's JSON from which on it is refused: never fewer than its bytes in DynamoDB."""


def is_too_large(item: Item) -> bool:
    """Whether DynamoDB refuses the item for its size."""
    return sum(len(value) if isinstance(value, bytes) else len(str(value)) for value in item.values()) > MAX_ITEM


class MemoryMirror:
    """Implements ``ports.Mirror``. With low ``limits`` a compressed body of any size takes several items.

    It refuses items that are too large, and what a test says that it ``refuses``; ``for_good`` stands for what our own
    code refuses, such as an object beyond all limits.
    """

    def __init__(
        self, limits: Limits = DYNAMODB, *, refuses: Callable[[Item], bool] = lambda _: False, for_good: bool = False
    ) -> None:
        self.limits = limits
        self.objects: dict[str, Item] = {}
        self.chunks: dict[str, dict[str, bytes]] = {}
        """The chunks of each object, by key and sort key."""
        self.counters: dict[str, Claim] = {}
        self.claimed_for: defaultdict[str, deque[LastEvents]] = defaultdict(lambda: deque(maxlen=CLAIMS_KEPT))
        """By key, the events that the counter keeps."""
        self.notes: dict[str, dict[str, UnstorableNote]] = {}
        """By scope and sort key."""
        self.former: dict[str, dict[str, Item]] = {}
        """Other items beside each object, by key and sort key: former states, as a history keeps them."""
        self.removal_notes: dict[str, dict[str, RemovalNote]] = {}
        """By scope and sort key."""
        self.left: dict[str, set[str]] = {}
        """By partition, the keys of the objects that have left a type or a customer."""
        self.refuses = refuses
        self.for_good = for_good
        self.per_page = 500
        """Items of one part of the table."""
        self.replaced: dict[str, Item | None] = {}
        """By key, what the last write has replaced; None where the object was new."""
        self.reads_lag = False
        """Whether reads that are not consistent lack the last write of each object."""
        self.down = False
        self.writes_fail = False

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        self._require_up()
        shown = self.objects if consistent or not self.reads_lag else self.replaced
        return {one.key: _head(item) for one in refs if (item := shown.get(one.key))}

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        return {one.key: self.counters[one.key] for one in refs if one.key in self.counters}

    async def claim(
        self, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
    ) -> tuple[int, LastEvents]:
        self._require_up()
        before = self.counters.get(ref.key)
        if before is None:
            self.claimed_for[ref.key].clear()  # a counter that is lost takes its events along
        earlier = latest_events(NO_EVENTS, *self.claimed_for[ref.key])
        if before is not None and before.claimed_at > unless_since and follows_events(earlier, events):
            raise AlreadyClaimed
        claim = Claim((before.claimed if before else 0) + 1, now)
        self.counters[ref.key] = claim
        if events.last_event_at:
            self.claimed_for[ref.key].append(events)
        return claim.claimed, earlier

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        self._require_up()
        before = self.counters.get(ref.key, Claim(0, 0.0))
        if before.claimed < least:
            self.counters[ref.key] = Claim(least, before.claimed_at)

    async def release_claim(self, ref: ObjectRef, token: int) -> None:
        self._require_up()
        if ref.key in self.counters and self.counters[ref.key].claimed == token:
            self.counters[ref.key] = Claim(token, 0.0)

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        return await put_chunked(self, ref, token, item, self.limits)

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        stored = set()
        for ref, item in new.items():
            with suppress(UnstorableObject):  # one statement of many: the rest is stored
                if await self.put(ref, UNCLAIMED_TOKEN, item):
                    stored.add(ref)
        return stored

    async def replace(self, ref: ObjectRef, token: int, item: Item) -> Replaced:
        self._require_up()
        if self.writes_fail:
            raise TransientError("the table takes no writes")
        if is_too_large(item) or self.refuses(item):
            raise UnstorableObject(REFUSED, may_pass=not self.for_good)
        replaced = self.objects.get(ref.key, {})
        if not self._newer(ref, token):
            return Replaced(stored=False, had_chunks=False)
        self.replaced[ref.key] = self.objects.get(ref.key)
        self.objects[ref.key] = {**item, "token": token}
        return Replaced(stored=True, had_chunks=chunks.NAME in replaced)

    async def put_chunk(self, ref: ObjectRef, sort_key: str, content: bytes) -> None:
        self._require_up()
        self.chunks.setdefault(ref.key, {})[sort_key] = content

    async def chunk_keys(self, ref: ObjectRef, token: int) -> list[str]:
        self._require_up()
        first, last = chunks.range_up_to(token)
        return sorted(sort_key for sort_key in self.chunks.get(ref.key, {}) if first <= sort_key <= last)

    async def drop_chunk(self, ref: ObjectRef, sort_key: str, expires_at: int) -> None:  # noqa: ARG002 - as in a table
        self._require_up()
        self.chunks.get(ref.key, {}).pop(sort_key, None)

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        self._require_up()
        note = RemovalNote.of_tombstone(tombstone)
        await self.note_removal(ref.scope, note)
        await self.note_left(ref, customer=note.customer, removed=True)
        if not self._newer(ref, token):
            return False
        kept = {name: value for name, value in self.objects.get(ref.key, {}).items() if name not in INDEX_COLUMNS}
        self.replaced[ref.key] = self.objects.get(ref.key)
        self.objects[ref.key] = {**kept, **tombstone, "token": token}
        return True

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None:
        self._require_up()
        for partition in partitions_left(ref.type if removed else None, customer):
            self.left.setdefault(f"{ref.scope}#{partition}", set()).add(ref.key)

    async def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        for one in self._indexed(scope=str(scope), parent=parent, type=type_name):
            yield one.id

    async def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        for one in self._indexed(scope=str(scope), customer=customer, type=type_name):
            yield one.id

    async def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        columns = {"status": status} if status else {}
        for one in self._indexed(since, scope=str(scope), type=type_name, **columns):
            yield one

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        return self.body_of(ref.key)

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        self._require_up()
        if ref.key not in self.objects:
            return None
        return StoredObject(stored_object(self.objects[ref.key]).columns, await self.body(ref))

    def body_of(self, key: str) -> JsonObject | None:
        """The body of an object by its key."""
        item = self.objects.get(key, {})
        name = chunks.name_in(item)
        if name is not None:
            item = chunks.join(item, self.chunks_named(key, name)) or {}
        try:
            return body_in(item)
        except UnreadableBody:
            return None

    def chunks_named(self, key: str, name: str) -> list[bytes]:
        """The chunks of one name, in order."""
        held = self.chunks.get(key, {})
        return [held[sort_key] for sort_key in sorted(held) if sort_key.startswith(name)]

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        self._require_up()
        notes = self.notes.setdefault(str(scope), {})
        before = notes.get(note.sort_key)
        if before is not None and before.token > note.token:
            return True
        notes[note.sort_key] = replace(note, noticed_at=before.noticed_at if before else note.noticed_at)
        return before is not None and before.digest == note.digest

    async def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:
        self._require_up()
        for sort_key, note in sorted(self.notes.get(str(scope), {}).items()):
            if sort_key.startswith(sort_keys_of(type_name)):
                yield note

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None:
        self._require_up()
        stored = self.notes.get(str(scope), {}).get(note.sort_key)
        if stored is not None and (stored.token, stored.digest) == (note.token, note.digest):
            del self.notes[str(scope)][note.sort_key]

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        self._require_up()
        found, last = [], ""
        for key in sorted(key for key in self.objects if key > cursor)[: self.per_page]:
            item, last = self.objects[key], key
            customer = customer_named(item, self.body_of(key), customers) if item["scope"] == str(scope) else None
            if customer:
                parent = item.get("parent")
                ref = stored_ref(scope, str(item["type"]), id_in(item), parent if isinstance(parent, str) else None)
                found.append(FoundObject(ref, customer))
        return FoundPage(tuple(found), last if any(key > last for key in self.objects) else "")

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        self._require_up()
        held = self.objects.get(ref.key)
        if held is None or held["token"] != token:
            return False
        left = {name: value for name, value in held.items() if name not in ERASED_COLUMNS}
        former: Item = {FORMER_CUSTOMER: customer} if customer else {}
        self.objects[ref.key] = {**left, **former, "erased_at": times.iso(now)}
        return True

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None:  # noqa: ARG002 - as in a table
        self._require_up()
        for sort_key in chunks.without_named([*self.chunks.get(ref.key, {})], token, kept):
            del self.chunks[ref.key][sort_key]
        self.former.pop(ref.key, None)

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None:
        self._require_up()
        self.removal_notes.setdefault(str(scope), {})[note.sort_key] = note

    async def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:
        self._require_up()
        for _, note in sorted(self.removal_notes.get(str(scope), {}).items()):
            if note.due_at <= until:
                yield note

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None:
        self._require_up()
        self.removal_notes.get(str(scope), {}).pop(note.sort_key, None)

    def _newer(self, ref: ObjectRef, token: int) -> bool:
        held = self.objects.get(ref.key)
        return held is None or _integer(held, "token") < token

    def _indexed(self, since: str | None = None, **values: str) -> list[IndexEntry]:
        return sorted(
            IndexEntry(str(item["created"]), str(item["id"]))
            for item in self.objects.values()
            if "created" in item
            and str(item["created"]) >= (since or "")
            and all(item.get(name) == value for name, value in values.items())
        )

    def _require_up(self) -> None:
        if self.down:
            raise TransientError("the table is down")


def _head(item: Item) -> Head:
    customer, parent, version = item.get("customer"), item.get("parent"), item.get("stripe_version")
    events = last_events_in(item)
    return Head(
        token=_integer(item, "token"),
        fetched_at=times.seconds(str(item["fetched_at"])),
        digest=str(item.get("digest", "")),
        deleted=item.get("deleted") is True,
        customer=customer if isinstance(customer, str) else None,
        parent=parent if isinstance(parent, str) else None,
        stripe_version=version if isinstance(version, str) else "",
        members=members_in(item),
        last_event_at=events.last_event_at,
        last_event_ids=events.last_event_ids,
        chunks=chunks.name_in(item),
        follow_ups_due=item.get("follow_ups_due") is True,
        missing_fields=missing_fields_in(item),
        former_customer=str(item[FORMER_CUSTOMER]) if FORMER_CUSTOMER in item else None,
    )


def _integer(item: Item, name: str) -> int:
    value = item[name]
    assert isinstance(value, int)
    return value
