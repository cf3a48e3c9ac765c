"""What reconcile keeps for itself, as a container sees it."""

from collections.abc import AsyncIterator

from billing_mirror.core.items import Item
from billing_mirror.core.object_ref import Scope
from tests.doubles.state_store import MemoryStateStore

from .aws import UnreliableTable
from .container import IO
from .faults import Dice


class UnreliableStateStore(UnreliableTable):
    """Implements ``ports.Journal`` in front of the double that the contract suite has proven."""

    def __init__(self, state_store: MemoryStateStore, dice: Dice, io: IO) -> None:
        super().__init__(dice, io)
        self._journal = state_store

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        return await self._write("lease", lambda: self._journal.lease(scope, owner, now=now, until=until))

    async def release(self, scope: Scope, owner: str) -> None:
        await self._write("release", lambda: self._journal.release(scope, owner))

    async def write(
        self, scope: Scope, book: str, place: str, entry: Item, *, new: bool = False, over: Item | None = None
    ) -> bool:
        return await self._write(
            f"write {book}", lambda: self._journal.write(scope, book, place, entry, new=new, over=over)
        )

    async def last(self, scope: Scope, book: str, start: str = "") -> Item | None:
        return await self._read(f"last {book}", lambda: self._journal.last(scope, book, start))

    async def entries(self, scope: Scope, book: str, start: str = "") -> AsyncIterator[Item]:
        await self._io(f"entries {book}")
        for entry in [one async for one in self._journal.entries(scope, book, start)]:
            yield entry

    async def after(self, scope: Scope, book: str, place: str) -> AsyncIterator[Item]:
        await self._io(f"after {book}")
        for entry in [one async for one in self._journal.after(scope, book, place)]:
            yield entry
