"""The checkpoints of a run: where it resumes, what it has counted, and which ids its lists have shown.

Every checkpoint adds an entry; no entry is replaced. When two ticks work on one run by mistake, the second tick to
store a checkpoint finds that number stored, and stops.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol, Self, TypeVar

from billing_mirror.core.errors import RunConflict
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.fingerprints import Fingerprints, fingerprint, pack
from billing_mirror.core.runs.run import Counts, Run
from billing_mirror.core.runs.schedule import DAY
from billing_mirror.core.table.items import Item, Value
from billing_mirror.reconcile.dependencies import ReconcileDependencies

from .confirmed_write import confirmed_write

CHECKPOINTS_KEPT_FOR = 30 * DAY
"""Seconds until the checkpoints of a run expire: it should have ended long before."""
MAX_IDS_PER_ENTRY = 20_000
"""Ids whose fingerprints one entry holds: an item has room for several times as many."""
MAX_ID_BYTES = 900
"""Bytes of an id that is part of a sort key. Ids that users have chosen may be longer."""


class Checkpoint(Protocol):
    def to_item(self) -> JsonObject: ...

    @classmethod
    def from_item(cls, value: Value) -> Self: ...


C = TypeVar("C", bound=Checkpoint)


def sort_key_part(identifier: str) -> str:
    """An id as a part of a sort key: its fingerprint where it is too long."""
    short = len(identifier.encode("utf-8", "replace")) <= MAX_ID_BYTES
    return identifier if short else fingerprint(identifier).hex()


class Checkpoints:
    """Saves how far a run has come, with its counts, and reads the last checkpoint when a tick resumes the run."""

    def __init__(self, record: Run, dependencies: ReconcileDependencies) -> None:
        self._record = record
        self._dependencies = dependencies
        self._latest: JsonObject = {}
        self._number = 0
        self._saved_counts = replace(record.counts)
        self._shown_before_restart: Fingerprints | None = None
        self.may_repeat = False
        """Whether an earlier tick may have stopped amid the page that comes next."""

    def latest(self, kind: type[C]) -> C:
        """The last checkpoint, or the beginning."""
        return kind.from_item(self._latest)

    async def load(self) -> None:
        """Reads the last checkpoint, and resets the run's counts to it."""
        self.may_repeat = True
        entry = await self._dependencies.state_store.last(self._dependencies.scope, self._partition, self._record.name)
        if entry is None:
            self._saved_counts = replace(self._record.counts)
            return
        self._number = int(str(entry["page"]))
        checkpoint = entry.get("checkpoint")
        self._latest = checkpoint if isinstance(checkpoint, dict) else {}
        spent, calls = self._record.counts.milliseconds, self._record.counts.stripe_calls
        counts = Counts.from_item(entry)
        # The record also knows of the work between the last checkpoint and the end of its tick.
        counts.milliseconds = max(spent, counts.milliseconds)
        counts.stripe_calls = max(calls, counts.stripe_calls)
        self._record.counts = counts
        self._saved_counts = replace(counts)

    async def save(self, checkpoint: Checkpoint, shown: Sequence[str] = ()) -> None:
        """Stores where the run resumes, and the ids that were shown. Raises ``RunConflict``."""
        surplus = len(shown) - MAX_IDS_PER_ENTRY
        for start in range(0, max(0, surplus), MAX_IDS_PER_ENTRY):
            await self._add(self._latest, self._saved_counts, shown[start : start + MAX_IDS_PER_ENTRY])
        item = checkpoint.to_item()
        await self._add(item, self._record.counts, shown[-MAX_IDS_PER_ENTRY:])
        self._latest = item
        self.may_repeat = False
        self._saved_counts = replace(self._record.counts)

    async def _add(self, checkpoint: JsonObject, counts: Counts, shown: Sequence[str]) -> None:
        self._number += 1
        entry: Item = {
            "page": self._number,
            "checkpoint": checkpoint,
            "shown": pack(shown),
            **counts.columns(),
            "expires_at": int(self._dependencies.ports.clock.now() + CHECKPOINTS_KEPT_FOR),
        }
        sort_key = f"{self._record.name}#{self._number:08}"
        if not await confirmed_write(self._dependencies, self._partition, sort_key, entry, if_absent=True):
            raise RunConflict("another tick works on this run")

    def roll_back_counts(self) -> None:
        """Resets the run's counts to the last checkpoint: the work after it will be repeated and counted again."""
        self._record.counts = replace(self._saved_counts)

    async def shown_ids(self) -> Fingerprints:
        """The ids that lists have shown in the whole run, until the last checkpoint."""
        found = Fingerprints()
        async for entry in self._dependencies.state_store.entries(
            self._dependencies.scope, self._partition, self._record.name
        ):
            shown = entry.get("shown")
            if isinstance(shown, bytes):
                found.add(shown)
        return found

    async def remember_shown_ids(self, unsaved: Iterable[str]) -> None:
        """Remembers the ids shown so far, before their list is read again from its beginning."""
        self._shown_before_restart = await self.shown_ids()
        self._shown_before_restart.add(pack(unsaved))

    def may_be_uncounted(self, identifier: str) -> bool:
        """Whether a stopped tick may have worked on an object without counting it: no checkpoint has its page."""
        if self._shown_before_restart is None:
            return self.may_repeat
        return identifier not in self._shown_before_restart

    @property
    def _partition(self) -> str:
        return f"pages:{self._record.type}"
