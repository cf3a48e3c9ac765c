"""A container in which a function runs: it can be killed at any step, and frozen, and its clock may be off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from .faults import Dice, Fault

IO: TypeAlias = Callable[[str], Awaitable[None]]
"""Said before and after whatever leaves the container, with what it is."""
Trace: TypeAlias = Callable[[str], None]
"""Is told what happens, where somebody wants to read it."""

EPOCH = 1_700_000_000.0
MARGIN = 5.0
LONGEST_FREEZE = 900.0


class Container:
    """Implements ``flows.ports.Clock``; ``io`` is where fate strikes.

    ``kill_at`` is the number of the step at which it is killed, whatever the dice say: for enumerating them.
    """

    def __init__(self, dice: Dice, trace: Trace | None, name: str, kill_at: frozenset[int] = frozenset()) -> None:
        self._dice = dice
        self._trace = trace
        self._name = name
        self._kill_at = kill_at
        self._work: asyncio.Task[object] | None = None
        self.steps = 0
        self.skew = 0.0
        if dice.strikes(Fault.SKEWED):
            self.skew = dice.random.uniform(-MARGIN / 2, MARGIN / 2)
        elif dice.strikes(Fault.SKEWED_BEYOND):
            self.skew = dice.random.uniform(-600.0, 600.0)

    def now(self) -> float:
        return EPOCH + asyncio.get_running_loop().time() + self.skew

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def run(self, work: Awaitable[object]) -> bool:
        """Whether the work came to its end; it does not when the container is killed."""
        self._work = asyncio.ensure_future(work)
        try:
            await self._work
        except asyncio.CancelledError:
            return False
        return True

    async def io(self, what: str) -> None:
        self.steps += 1
        step = self.steps  # others go on meanwhile
        if self._trace:
            self._trace(f"{self._name}: {what}")
        if self._dice.strikes(Fault.FROZEN):
            await asyncio.sleep(self._dice.seconds(LONGEST_FREEZE))
        else:
            await asyncio.sleep(0)
        if step in self._kill_at or self._dice.strikes(Fault.KILLED):
            if self._trace:
                self._trace(f"{self._name}: is killed")
            if self._work is not None:
                self._work.cancel()
            await asyncio.Event().wait()  # what is killed never goes on
