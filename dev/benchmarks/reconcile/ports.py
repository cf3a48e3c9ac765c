"""Which ports let a benchmark measure reconcile's own work only? Without rate limit, queue and DynamoDB."""

import pickle
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path

from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.forgetting import FoundPage, RemovalNote
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import NO_EVENTS, Claim, Head, LastEvents
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import IndexEntry, QuarantinedMessage
from dev.benchmarks.reconcile.synthetic_data import digest_of, id_of, number_of
from dev.benchmarks.server_process import KEY

VERSION = "2026-10-28.preview"


class Key:
    """Implements ``adapters.stripe_api.StripeKey``."""

    def current(self) -> str:
        return KEY

    def refreshed(self) -> str:
        return KEY


def stripe_api(api_base: str) -> StripeApi:
    """The real adapter."""
    return StripeApi(Key(), api_base=api_base, preview_version=VERSION, metric_counts=MetricCounts())


class NoQueue:
    """Implements ``ports.Queue``: a message is an error."""

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        raise AssertionError(f"nothing should be queued, but {body} is in {group} in {delay} s")

    async def quarantine(self, body: str, *, reason: str) -> None:
        raise AssertionError(f"nothing should be quarantined, but {body}: {reason}")

    async def postpone(self, receipt: str, seconds: int) -> None:
        raise AssertionError(f"nothing should be postponed, but {receipt} by {seconds}")

    def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        raise AssertionError("the quarantine should not be read")

    async def drop(self, receipt: str) -> None:
        raise AssertionError(f"nothing should be dropped, but {receipt}")


class AgreeingMirror:
    """Implements ``ports.Mirror``: equals Stripe in all synthetic objects, and refuses writes.

    ``seconds`` is the processor time of its answers.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.seconds = 0.0

    async def heads(
        self,
        refs: Iterable[ObjectRef],
        *,
        consistent: bool = True,  # noqa: ARG002
    ) -> Mapping[str, Head]:
        started_at = time.thread_time()
        found = {one.key: _head(number) for one in refs if (number := number_of(one.id)) is not None}
        self.seconds += time.thread_time() - started_at
        return found

    async def ids(
        self,
        scope: Scope,  # noqa: ARG002
        type_name: str,  # noqa: ARG002
        *,
        status: str | None = None,  # noqa: ARG002
        since: str | None = None,  # noqa: ARG002
    ) -> AsyncIterator[IndexEntry]:
        for number in range(self._count):
            yield IndexEntry("2026", id_of(number))

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:  # noqa: ARG002
        return {}

    async def claim(
        self,
        ref: ObjectRef,
        now: float,
        events: LastEvents = NO_EVENTS,  # noqa: ARG002
        *,
        unless_since: float = inf,  # noqa: ARG002
    ) -> tuple[int, LastEvents]:
        raise AssertionError(f"{ref.id} should not be claimed, at {now}")

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        raise AssertionError(f"{ref.id} should not be claimed, above {least}")

    async def release_claim(self, ref: ObjectRef, token: int) -> None:
        raise AssertionError(f"{ref.id} should not be claimed, under {token}")

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        raise AssertionError(f"{ref.id} should not be written, under {token}: {item}")

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        raise AssertionError(f"{len(new)} objects should not be written")

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        raise AssertionError(f"{ref.id} should get no tombstone, under {token}: {tombstone}")

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        raise AssertionError(f"{type_name} of {parent} in {scope} should not be read")

    def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        raise AssertionError(f"{type_name} of {customer} in {scope} should not be read")

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        raise AssertionError(f"{ref.id} should not be read")

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        raise AssertionError(f"{ref.id} should not be read")

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        raise AssertionError(f"{note.id} in {scope} should not be noted")

    async def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:  # noqa: ARG002
        no_notes: tuple[UnstorableNote, ...] = ()
        for note in no_notes:
            yield note

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None:
        raise AssertionError(f"the note of {note.id} in {scope} should not be removed")

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        raise AssertionError(f"{customers} in {scope} should not be forgotten, from {cursor}")

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        raise AssertionError(f"{ref.id} of {customer} should not be erased, under {token} at {now}")

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None:
        raise AssertionError(f"{ref.id} should keep its items, of {token} and {kept} at {now}")

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None:
        raise AssertionError(f"{note.id} in {scope} should not be removed")

    async def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:  # noqa: ARG002
        no_notes: tuple[RemovalNote, ...] = ()
        for note in no_notes:
            yield note

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None:
        raise AssertionError(f"the note of {note.id} in {scope} should not be dropped")

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None:
        raise AssertionError(f"{ref.id} has left {customer}, or was removed: {removed}")


def _head(number: int) -> Head:
    return Head(1, 0.0, digest_of(number), customer="cus_1", stripe_version=VERSION)


class FileStateStore:
    """Implements ``ports.StateStore`` in a file, so that entries take no memory."""

    def __init__(self, file: Path) -> None:
        self._file = sqlite3.connect(file, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = off")
        self._file.execute("PRAGMA synchronous = off")
        self._file.execute(
            "CREATE TABLE entries (partition, sort_key, entry, PRIMARY KEY (partition, sort_key)) WITHOUT ROWID"
        )

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:  # noqa: ARG002
        return True

    async def release(self, scope: Scope, owner: str) -> None: ...

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        if expected is not None:
            query = "SELECT entry FROM entries WHERE partition = ? AND sort_key = ?"
            found = self._file.execute(query, (f"{scope}#{partition}", sort_key)).fetchone()
            if found is None or not expected.items() <= _unpickled(found).items():
                return False
        verb = "INSERT OR IGNORE" if if_absent else "INSERT OR REPLACE"
        row = (f"{scope}#{partition}", sort_key, pickle.dumps(entry))
        return self._file.execute(f"{verb} INTO entries VALUES (?, ?, ?)", row).rowcount == 1

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        found = self._found(scope, partition, start, "DESC LIMIT 1").fetchone()
        return _unpickled(found) if found else None

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        for found in self._found(scope, partition, start, "ASC"):
            yield _unpickled(found)

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        query = "SELECT entry FROM entries WHERE partition = ? AND sort_key > ? ORDER BY sort_key"
        for found in self._file.execute(query, (f"{scope}#{partition}", sort_key)):
            yield _unpickled(found)

    def _found(self, scope: Scope, partition: str, start: str, order: str) -> sqlite3.Cursor:
        query = "SELECT entry FROM entries WHERE partition = ? AND sort_key >= ? AND sort_key < ? ORDER BY sort_key "
        return self._file.execute(query + order, (f"{scope}#{partition}", start, f"{start}\U0010ffff"))


def _unpickled(found: tuple[bytes]) -> Item:
    entry: Item = pickle.loads(found[0])  # noqa: S301 - our own file
    return entry
