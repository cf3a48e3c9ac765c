"""Ports for reconcile between which only its own work is measured: nothing waits for a rate, nothing is queued."""

import pickle
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core.items import Item
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.ports import IndexEntry
from dev.benchmarks.synthetic_data import digest_of, id_of, number_of
from dev.benchmarks.synthetic_server import KEY

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
    """Implements ``ports.Queue``: nothing is sent to it when all is well."""

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        raise AssertionError(f"nothing should be queued, but {body} is in {group} in {delay} s")

    async def quarantine(self, body: str, *, reason: str) -> None:
        raise AssertionError(f"nothing should be quarantined, but {body}: {reason}")

    async def postpone(self, receipt: str, seconds: int) -> None:
        raise AssertionError(f"nothing should be postponed, but {receipt} by {seconds}")


class AgreeingMirror:
    """Implements ``ports.Mirror`` as one that holds the whole crowd just as Stripe shows it, and stores nothing.

    ``seconds`` is the processor time that answering has taken.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.seconds = 0.0

    async def heads(self, refs: Iterable[ObjectRef]) -> Mapping[str, Head]:
        began = time.thread_time()
        found = {one.key: _head(number) for one in refs if (number := number_of(one.id)) is not None}
        self.seconds += time.thread_time() - began
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

    async def claim(self, ref: ObjectRef, now: float) -> int:
        raise AssertionError(f"{ref.id} is in doubt at {now}")

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        raise AssertionError(f"{ref.id} is written under {token}: {item}")

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        raise AssertionError(f"{ref.id} is buried under {token}: {tombstone}")

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        raise AssertionError(f"nobody asks for {type_name} of {parent} in {scope}")

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        raise AssertionError(f"nobody asks for {ref.id}")


def _head(number: int) -> Head:
    return Head(1, 0.0, digest_of(number), customer="cus_1", stripe_version=VERSION)


class FileJournal:
    """Implements ``ports.Journal`` in a file, so that what is kept is not in memory."""

    def __init__(self, file: Path) -> None:
        self._file = sqlite3.connect(file, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = off")
        self._file.execute("PRAGMA synchronous = off")
        self._file.execute("CREATE TABLE entries (book, place, entry, PRIMARY KEY (book, place)) WITHOUT ROWID")

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
            query = "SELECT entry FROM entries WHERE book = ? AND place = ?"
            found = self._file.execute(query, (f"{scope}#{partition}", sort_key)).fetchone()
            if found is None or not expected.items() <= _entry(found).items():
                return False
        verb = "INSERT OR IGNORE" if if_absent else "INSERT OR REPLACE"
        object_type = (f"{scope}#{partition}", sort_key, pickle.dumps(entry))
        return self._file.execute(f"{verb} INTO entries VALUES (?, ?, ?)", object_type).rowcount == 1

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        found = self._found(scope, partition, start, "DESC LIMIT 1").fetchone()
        return _entry(found) if found else None

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        for found in self._found(scope, partition, start, "ASC"):
            yield _entry(found)

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        query = "SELECT entry FROM entries WHERE book = ? AND place > ? ORDER BY place"
        for found in self._file.execute(query, (f"{scope}#{partition}", sort_key)):
            yield _entry(found)

    def _found(self, scope: Scope, partition: str, start: str, order: str) -> sqlite3.Cursor:
        return self._file.execute(
            f"SELECT entry FROM entries WHERE book = ? AND place >= ? AND place < ? ORDER BY place {order}",  # noqa: S608
            (f"{scope}#{partition}", start, f"{start}\U0010ffff"),
        )


def _entry(found: tuple[bytes]) -> Item:
    entry: Item = pickle.loads(found[0])  # noqa: S301 - our own file
    return entry
