"""The state store with faults."""

from collections.abc import AsyncIterator

from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.items import Item
from tests.doubles.state_store import MemoryStateStore

from .aws import UnreliableTable
from .container import IO
from .faults import Dice


class UnreliableStateStore(UnreliableTable):
    """Implements ``ports.StateStore`` in front of the double that the contract suite has proven."""

    def __init__(self, state_store: MemoryStateStore, dice: Dice, io: IO) -> None:
        super().__init__(dice, io)
        self._state_store = state_store

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        return await self._write("lease", lambda: self._state_store.lease(scope, owner, now=now, until=until))

    async def release(self, scope: Scope, owner: str) -> None:
        await self._write("release", lambda: self._state_store.release(scope, owner))

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
        make = self._write if expected is None and not if_absent else self._apply
        return await make(
            f"write {partition}",
            lambda: self._state_store.write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected),
        )

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        return await self._read(f"last {partition}", lambda: self._state_store.last(scope, partition, start))

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        await self._io(f"entries {partition}")
        for entry in [one async for one in self._state_store.entries(scope, partition, start)]:
            yield entry

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        await self._io(f"after {partition}")
        for entry in [one async for one in self._state_store.after(scope, partition, sort_key)]:
            yield entry
