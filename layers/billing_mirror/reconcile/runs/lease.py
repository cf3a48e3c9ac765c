"""The lease that keeps two invocations from working at the same time."""

from billing_mirror.core.errors import RunConflict
from billing_mirror.core.runs.schedule import MINUTE
from billing_mirror.reconcile.dependencies import ReconcileDependencies

LEASE_SECONDS = 5 * MINUTE
"""An invocation that dies loses the lease after this time."""


class Lease:
    """One invocation's lease of the key: of its own account, and of all that are connected to it.

    An invocation that has lost the lease without noticing is harmless: its writes of checkpoints and records fail.
    """

    def __init__(self, dependencies: ReconcileDependencies) -> None:
        self._dependencies = dependencies
        self._acquired_at = dependencies.ports.clock.now()

    async def acquire(self) -> bool:
        """Takes or prolongs the lease; False while another invocation holds it."""
        now = self._dependencies.ports.clock.now()
        return await self._dependencies.state_store.lease(
            self._dependencies.key_scope, self._dependencies.owner, now=now, until=now + LEASE_SECONDS
        )

    async def prolong(self) -> None:
        """Prolongs the lease when a part of its time is over. Raises ``RunConflict`` where it is lost."""
        now = self._dependencies.ports.clock.now()
        if now - self._acquired_at > LEASE_SECONDS / 5:
            if not await self.acquire():
                raise RunConflict("another tick holds the lease")
            self._acquired_at = now

    async def release(self) -> None:
        await self._dependencies.state_store.release(self._dependencies.key_scope, self._dependencies.owner)
