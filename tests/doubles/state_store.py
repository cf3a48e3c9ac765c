"""The state store, in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from billing_mirror.core import times
from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.items import Item


@dataclass
class MemoryStateStore:
    """Implements ``ports.StateStore``."""

    partitions: dict[str, dict[str, Item]] = field(default_factory=dict)
    """Entries by sort key, by scope and partition (``test#run:type``)."""
    leases: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Owner and end (ISO 8601, UTC), by scope."""
    writes_fail: bool = False
    down: bool = False
    before_write: Callable[[str], Awaitable[None]] | None = None
    """Called with the partition before each write, to simulate a concurrent writer."""

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        await self._request()
        holder, end = self.leases.get(str(scope), (owner, ""))
        if holder != owner and end > times.iso(now):
            return False
        self.leases[str(scope)] = owner, times.iso(until)
        return True

    async def release(self, scope: Scope, owner: str) -> None:
        await self._request()
        if str(scope) in self.leases and self.leases[str(scope)][0] == owner:
            del self.leases[str(scope)]

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
        await self._request()
        if self.writes_fail:
            raise TransientError("the table takes no records")
        if self.before_write:
            await self.before_write(partition)
        sort_keys = self.partitions.setdefault(f"{scope}#{partition}", {})
        if if_absent and sort_key in sort_keys:
            return False
        if expected is not None and not expected.items() <= sort_keys.get(sort_key, {}).items():
            return False
        sort_keys[sort_key] = {**entry}
        return True

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        await self._request()
        found = self._found(scope, partition, start)
        return found[-1] if found else None

    async def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        await self._request()
        for entry in self._found(scope, partition, start):
            yield entry

    async def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        await self._request()
        for at, entry in sorted(self.partitions.get(f"{scope}#{partition}", {}).items()):
            if at > sort_key:
                yield {**entry}

    def _found(self, scope: Scope, partition: str, start: str) -> list[Item]:
        sort_keys = self.partitions.get(f"{scope}#{partition}", {})
        return [{**sort_keys[sort_key]} for sort_key in sorted(sort_keys) if sort_key.startswith(start)]

    async def _request(self) -> None:
        """Others work on while a request is under way, as while one of DynamoDB is."""
        await asyncio.sleep(0)
        if self.down:
            raise TransientError("the table is down")


class ResendingStateStore(MemoryStateStore):
    """Writes twice in each call, as boto does when it retries after a lost answer."""

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
        await super().write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected)
        return await super().write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected)
