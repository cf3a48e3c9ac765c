"""What reconciling takes: the ports, the schedule, the lease, and a journal that keeps records.

Whoever holds the lease works. One that has lost it and does not know yet can keep nothing over what others have kept.
"""

from dataclasses import dataclass

from billing_mirror.core import times
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.items import Item
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.run import Run
from billing_mirror.core.schedule import MINUTE, Schedule
from billing_mirror.ports import Ports, StateStore

LEASED_FOR = 5 * MINUTE
A_MOMENT = 0.001
"""Seconds between two times that have to differ at the least: the table keeps milliseconds."""


@dataclass(frozen=True, slots=True)
class ReconcileDependencies:
    """The ports and settings that reconciling takes."""

    ports: Ports
    state_store: StateStore
    schedule: Schedule
    owner: str = ""
    """Whose lease it is: one invocation's."""

    @property
    def scope(self) -> Scope:
        """The key's own account."""
        return Scope(self.ports.stripe.livemode)

    @property
    def object_types(self) -> list[ObjectType]:
        """The types that there are in the key's mode."""
        return [
            object_type
            for object_type in self.schedule.object_types
            if not (object_type.test_mode_only and self.scope.livemode)
        ]

    async def lease(self) -> bool:
        """Takes or prolongs the lease: whoever works keeps it, whoever has died loses it within minutes."""
        now = self.ports.clock.now()
        return await self.state_store.lease(self.scope, self.owner, now=now, until=now + LEASED_FOR)

    async def record(self, run: Run) -> bool:
        """Keeps a run's record, where it is still as it was when the run was read; False elsewhere."""
        before: Item = {"updated_at": times.iso(run.updated_at)}
        # Later than any record that it replaces: by that the next one is told from it.
        run.updated_at = max(self.ports.clock.now(), run.updated_at + A_MOMENT)
        return await self.keep(f"run:{run.type}", run.name, run.to_item(), expected=before)

    async def keep(
        self, partition: str, sort_key: str, entry: Item, *, if_absent: bool = False, expected: Item | None = None
    ) -> bool:
        """Writes an entry where the condition holds, or finds that it has been written; False elsewhere.

        A write whose answer is lost is sent again by the journal's client, and refused because it has landed.
        """
        if await self.state_store.write(self.scope, partition, sort_key, entry, if_absent=if_absent, expected=expected):
            return True
        # The whole entry, and not when it was written: somebody else may have done so in the same millisecond.
        return await self.state_store.last(self.scope, partition, sort_key) == entry
