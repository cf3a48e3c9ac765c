"""A dry run: the same flows, on a table and a queue that accept every write and store nothing."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.forgetting import FoundPage, RemovalNote
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import NO_EVENTS, Claim, Head, LastEvents
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import IndexEntry, Mirror, QuarantinedMessage, StateStore

from ..dependencies import ReconcileDependencies
from ..usage.pairs import UsagePair


def recorded_differences(dependencies: ReconcileDependencies, type_name: str) -> list[Item]:
    """The evidence that the runs of a dry run have recorded, which is stored nowhere."""
    state_store = dependencies.state_store
    if not isinstance(state_store, _DryStateStore):
        return []
    return [*state_store.partitions.get(f"{dependencies.scope}#drift:{type_name}", {}).values()]


def dry_run_dependencies(dependencies: ReconcileDependencies) -> ReconcileDependencies:
    """The same dependencies, reading only. The lease is real: all runs share one request budget."""
    ports = replace(dependencies.ports, mirror=_DryMirror(dependencies.ports.mirror), queue=_DryQueue())
    return replace(dependencies, ports=ports, state_store=_DryStateStore(dependencies.state_store))


@dataclass(frozen=True, slots=True)
class _DryMirror:
    """Implements ``ports.Mirror``: reads the real mirror."""

    mirror: Mirror
    raised: dict[str, int] = field(default_factory=dict)
    """By key, counters that would have been raised."""
    noted: dict[str, UnstorableNote] = field(default_factory=dict)
    """By sort key, notes that would have been stored."""

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        return await self.mirror.heads(refs, consistent=consistent)

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        return await self.mirror.claims(refs)

    async def claim(
        self,
        ref: ObjectRef,
        now: float,  # noqa: ARG002 - part of the port
        events: LastEvents = NO_EVENTS,  # noqa: ARG002
        *,
        unless_since: float = inf,  # noqa: ARG002
    ) -> tuple[int, LastEvents]:
        last = (await self.mirror.claims([ref])).get(ref.key)
        return max(last.claimed if last else 0, self.raised.get(ref.key, 0)) + 1, NO_EVENTS

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        self.raised[ref.key] = least

    async def release_claim(self, ref: ObjectRef, token: int) -> None: ...

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:  # noqa: ARG002 - part of the port
        return True

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        return set(new)

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:  # noqa: ARG002 - part of the port
        return True

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        return self.mirror.children(scope, parent, type_name)

    def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        return self.mirror.ids_of_customer(scope, customer, type_name)

    def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        return self.mirror.ids(scope, type_name, status=status, since=since)

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        return await self.mirror.body(ref)

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        return await self.mirror.stored(ref)

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        before = [one async for one in self.unstorable(scope, note.type) if one.sort_key == note.sort_key]
        self.noted[note.sort_key] = note
        return any(one.digest == note.digest for one in before)

    async def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:
        """As if none were due: a dry run does not learn whether the table takes an object by now."""
        notes = self.mirror.unstorable(scope, type_name)
        stored = {one.sort_key: replace(one, may_pass=False) async for one in notes}
        own = {name: one for name, one in self.noted.items() if one.type == type_name or not type_name}
        for _, note in sorted((stored | own).items()):
            yield note

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None: ...

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        return await self.mirror.objects_of(scope, customers, cursor)

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:  # noqa: ARG002 - part of the port
        return True

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None: ...

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None: ...

    def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:
        return self.mirror.removals(scope, until)

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None: ...

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None: ...


class _DryQueue:
    """Implements ``ports.Queue``."""

    async def send(self, body: str, *, group: str, delay: int = 0) -> None: ...

    async def quarantine(self, body: str, *, reason: str) -> None: ...

    async def postpone(self, receipt: str, seconds: int) -> None: ...

    async def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        """None: a dry run hides no message from others."""
        nothing: tuple[QuarantinedMessage, ...] = ()
        for message in nothing:
            yield message

    async def drop(self, receipt: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _DryStateStore:
    """Implements ``ports.StateStore``: entries live as long as the run, and nothing else writes."""

    state_store: StateStore
    partitions: dict[str, dict[str, Item]] = field(default_factory=dict)

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        return await self.state_store.lease(scope, owner, now=now, until=until)

    async def release(self, scope: Scope, owner: str) -> None:
        await self.state_store.release(scope, owner)

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,  # noqa: ARG002 - part of the port
        expected: Item | None = None,  # noqa: ARG002 - part of the port
    ) -> bool:
        self.partitions.setdefault(f"{scope}#{partition}", {})[sort_key] = entry
        return True

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        sort_keys = [
            sort_key for sort_key in self.partitions.get(f"{scope}#{partition}", {}) if sort_key.startswith(start)
        ]
        return self.partitions[f"{scope}#{partition}"][max(sort_keys)] if sort_keys else None

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        for sort_key, entry in sorted(self.partitions.get(f"{scope}#{partition}", {}).items()):
            if sort_key.startswith(start):
                yield entry

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        """Includes the usage pairs of the real state store: ended subscriptions appear nowhere else."""
        real = {
            UsagePair.from_item(entry).sort_key: entry
            async for entry in self.state_store.after(scope, partition, sort_key)
        }
        own = {key: entry for key, entry in self.partitions.get(f"{scope}#{partition}", {}).items() if key > sort_key}
        for _, entry in sorted((real | own).items()):
            yield entry
