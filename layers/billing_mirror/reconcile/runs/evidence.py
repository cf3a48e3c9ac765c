"""The evidence of a run: one entry for each difference, and how it was resolved."""

from collections.abc import AsyncIterator

from billing_mirror.core.runs.run import Drift, Resolution, Run
from billing_mirror.reconcile.dependencies import ReconcileDependencies

from .checkpoints import sort_key_part


class Evidence:
    """Records, finds and counts the differences of one run; an object has one entry for each run."""

    def __init__(self, record: Run, dependencies: ReconcileDependencies) -> None:
        self._record = record
        self._scope = dependencies.scope
        self._state_store = dependencies.state_store
        self._clock = dependencies.ports.clock

    async def record(self, drift: Drift) -> None:
        """Stores a drift, and replaces what was recorded of the same object before."""
        if drift.resolution is Resolution.FALSE_ALARM:
            before = await self.find(drift.id)
            if before is not None and before.resolution is Resolution.REPAIRED:
                return  # a confirmed drift stays confirmed, whatever a stale list shows later
        entry = drift.to_item(self._record, self._clock.now())
        await self._state_store.write(self._scope, self._partition, self._sort_key(drift.id), entry)

    async def find(self, identifier: str) -> Drift | None:
        """The drift that the run has recorded of an object."""
        start = self._sort_key(identifier)
        async for entry in self._state_store.entries(self._scope, self._partition, start):
            found = Drift.from_item(entry)  # only the first entry can match: the others have longer ids
            return found if found.id == identifier else None
        return None

    async def all(self) -> AsyncIterator[Drift]:
        """All drifts that the run has recorded."""
        async for entry in self._state_store.entries(self._scope, self._partition, self._record.name):
            yield Drift.from_item(entry)

    async def any(self) -> bool:
        """Whether the run has recorded a drift: one query instead of one for each object of a page."""
        return await self._state_store.last(self._scope, self._partition, self._record.name) is not None

    def _sort_key(self, identifier: str) -> str:
        return f"{self._record.name}#{sort_key_part(identifier)}"

    @property
    def _partition(self) -> str:
        return f"drift:{self._record.type}"
