"""A run that a tick works on: its record, checkpoints, evidence, lease and meter."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from billing_mirror.core.errors import PermanentError, RunConflict
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Resolution, Run
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.refresh.around_stripe.retrying import RetryingStripe

from . import records
from .checkpoints import Checkpoint, Checkpoints
from .evidence import Evidence
from .lease import Lease
from .removals import Removals
from .run_cost import RunCost

MAX_RESTARTS = 10
"""Times that lists of a run may be read again from their beginning, plus one for each hundred pages."""
PROGRESS_SECONDS = 10.0
"""Seconds after which a tick stores the record again, for those who watch it."""
MAX_PAGES = 1_000_000
"""Pages of a run: a list with more has no end."""


class ActiveRun:
    """A run while one tick works on it: its record, checkpoints, evidence and cost, and Stripe with retries."""

    def __init__(self, record: Run, dependencies: ReconcileDependencies) -> None:
        stripe = RetryingStripe(dependencies.ports.stripe, dependencies.ports.clock)
        self.record = record
        self.scope = dependencies.scope
        self.state_store = dependencies.state_store
        self.ports = replace(dependencies.ports, stripe=stripe)
        self.checkpoints = Checkpoints(record, dependencies)
        self.evidence = Evidence(record, dependencies)
        self._dependencies = dependencies
        self._lease = Lease(dependencies)
        self._cost = RunCost(record, stripe, dependencies.ports.clock)
        self.removals = Removals()
        self.notes: dict[str, UnstorableNote] = {}
        """By id, the objects of the run's type that the table cannot hold, as far as this tick knows."""
        self._verified: set[str] = set()
        self._record_saved_at = dependencies.ports.clock.now()

    @property
    def resumed_at(self) -> float:
        """When this tick started to work on the run (seconds since 1970)."""
        return self._cost.started_at

    async def resume(self) -> None:
        """Continues the run at its last checkpoint."""
        await self.checkpoints.load()
        self._cost.set_base()

    async def save(self, checkpoint: Checkpoint, shown: Sequence[str] = ()) -> None:
        """Stores where the run resumes, and the ids that lists have shown. Raises ``RunConflict``."""
        self._cost.update()
        await self.checkpoints.save(checkpoint, shown)
        # After the checkpoint: a tick that resumes the run takes its counts from there.
        if self.ports.clock.now() - self._record_saved_at >= PROGRESS_SECONDS:
            await self.save_record()
        await self.prolong_lease()

    async def save_record(self) -> None:
        """Stores the run's record. Raises ``RunConflict`` where it has changed since it was read."""
        self._cost.update()
        if not await records.save_over_read(self.record, self._dependencies):
            raise RunConflict("another tick has replaced the run's record")
        self._record_saved_at = self.ports.clock.now()

    async def prolong_lease(self) -> None:
        """Raises ``RunConflict`` where another invocation holds the lease."""
        await self._lease.prolong()

    async def record_drift(self, drift: Drift) -> None:
        """Stores the resolution of a drift, and counts it."""
        await self.evidence.record(drift)
        self.record.counts.add_drift(drift)
        await self.prolong_lease()

    async def record_unreadable_list(self, owner: str, reason: str) -> None:
        """Stores that the list of an owner could not be read, and counts it."""
        self.count(Counts(lists_unreadable=1))
        await self.record_drift(Drift(owner, Difference.NO_LIST, Resolution.UNRESOLVED, reason=reason))

    async def recount_drifts(self) -> None:
        """Counts the drifts by their evidence: a tick that was killed may have stored more than it counted."""
        self.record.counts.reset_drifts()
        async for drift in self.evidence.all():
            self.record.counts.add_drift(drift)

    def count(self, more: Counts) -> None:
        """Adds to the run's counts."""
        self.record.counts.add(more)

    def advance_watermark(self, watermark: str) -> None:
        """All lost events before this time (ISO 8601, UTC) are queued. A run that reads earlier ones moves nothing."""
        self.record.watermark = max(self.record.watermark, watermark)

    def is_verified(self, ref: ObjectRef) -> bool:
        """Whether this tick has verified an object, or knows its resolution."""
        return ref.key in self._verified

    def mark_verified(self, refs: Iterable[ObjectRef]) -> None:
        self._verified.update(ref.key for ref in refs)

    def forget_verified(self, refs: Iterable[ObjectRef]) -> None:
        """Lets objects be verified once more."""
        self._verified.difference_update(ref.key for ref in refs)

    def require_progress(self, lists: str) -> None:
        """Raises ``PermanentError`` where lists seem to have no end."""
        counts = self.record.counts
        if counts.restarts > MAX_RESTARTS + counts.pages // 100 or counts.pages > MAX_PAGES:
            raise PermanentError(f"{lists} do not end")
