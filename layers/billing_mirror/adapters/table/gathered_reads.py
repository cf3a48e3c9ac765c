"""Reads of a moment as one call.

The objects of a batch are worked on at the same time, and each reads its head or its claim when it needs it. What comes
while a call is on its way is read by the next call, at its end: nothing waits where nothing else is read, and the
busier a container is, the more one call reads. No read is answered by a call that started before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from billing_mirror.core.table.items import Item

from .batch_get import MAX_KEYS

PATIENCE = 0.2
"""Seconds for which a call waits for the one before: many times what it usually takes."""


class GatheredReads:
    """``read`` gives the items with some partition keys, by these."""

    def __init__(self, read: Callable[[Collection[str]], Awaitable[Mapping[str, Item]]]) -> None:
        self._read = read
        self._wanted: set[str] = set()
        self._next: asyncio.Task[Mapping[str, Item]] | None = None
        """The call that does not yet read: it waits for the one before."""
        self._last: asyncio.Task[Mapping[str, Item]] | None = None

    async def items(self, partitions: Iterable[str]) -> dict[str, Item]:
        """The items with these partition keys, by these. An error is of all whose reads went together."""
        wanted = set(partitions)
        if not wanted:
            return {}
        if len(self._wanted | wanted) > MAX_KEYS:
            return {**await self._read(wanted)}
        self._wanted |= wanted
        if self._next is None or self._next.done():
            self._next = self._last = asyncio.create_task(self._read_after(self._last))
            self._next.add_done_callback(_take_error)
        # Shielded: one who runs out of time must not end the reads of the others.
        found = await asyncio.shield(self._next)
        return {one: found[one] for one in wanted if one in found}

    async def _read_after(self, before: asyncio.Task[Mapping[str, Item]] | None) -> Mapping[str, Item]:
        if before is not None and not before.done():
            await asyncio.wait([before], timeout=PATIENCE)
        wanted, self._wanted, self._next = self._wanted, set(), None
        return await self._read(wanted)


def _take_error(read: asyncio.Task[Mapping[str, Item]]) -> None:
    """Where all who wanted a read ran out of time, asyncio would log that its error was never taken."""
    if not read.cancelled():
        read.exception()
