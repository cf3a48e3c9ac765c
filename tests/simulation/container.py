"""A Lambda container: it can be killed at any step or frozen, and its clock may be off."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Protocol, TypeAlias

from .faults import Consequence, Dice, Fault
from .loop import MACHINE, YIELD, Machine

Trace: TypeAlias = Callable[[str], None]
"""Receives one line for each step, for reading a schedule."""

EPOCH = 1_700_000_000.0
MARGIN = 5.0
FREEZES = (15.0, 60.0, 900.0)
"""Maximum seconds for which a container is frozen; each is equally likely."""


KILL_POINTS = {
    ("claim", False): Consequence.KILLED_BEFORE_CLAIM,
    ("claim", True): Consequence.KILLED_AFTER_CLAIM,
    ("got", False): Consequence.KILLED_AFTER_FETCH,
    ("put", True): Consequence.KILLED_AFTER_APPLY,
    ("put_tombstone", True): Consequence.KILLED_AFTER_APPLY,
    ("delete", False): Consequence.KILLED_BEFORE_DELETE,
}
"""The kills that are counted by name, by step and whether the step is done."""


WAIT_POINTS = {
    ("claims", True): "claim",
    ("claim", True): "change",
    ("got", False): "apply",
    ("listed", False): "change",
    ("insert", False): "apply",
    ("put_tombstone", False): "apply",
}
"""The action of another container that a worker may wait for, by step and whether the step is done: after reading the
counters, after a claim, after a fetch, after a list, and before a tombstone."""
ACTIONS = {("claim", True): "claim", ("put", True): "apply", ("put_tombstone", True): "apply"}
MAX_WAIT = 15.0
MAX_HEAD_START = 10.0
"""Maximum seconds by which the other container stays ahead."""


def ids_in(what: str) -> list[str]:
    """The ids of the objects that a step is about: of ``test#cus_1 7: done``, of ``/v1/customers/cus_1``.

    No id where the step is about a list: any action may change a list.
    """
    keys = what.removesuffix(": done").partition(" ")[0]
    return [] if "?" in keys else [key.rpartition("#")[2].rpartition("/")[2] for key in keys.split(",")]


class IO(Protocol):
    """Called before and after each I/O call, with its name and how many seconds it takes."""

    async def __call__(self, what: str, seconds: float = 0.0) -> None: ...


class Container:
    """Implements ``ports.Clock``; faults strike in ``io``.

    ``kill_at`` are the numbers of the steps at which it is killed, whatever the dice say: for enumerating crashes.
    """

    def __init__(
        self,
        dice: Dice,
        trace: Trace | None,
        name: str,
        kill_at: frozenset[int] = frozenset(),
        *,
        skew: float = 0.0,
    ) -> None:
        self._dice = dice
        self._trace = trace
        self._name = name
        self._kill_at = kill_at
        self._machine = Machine()
        self._work: asyncio.Task[None] | None = None
        self._has_waited = False
        self._loop = asyncio.get_running_loop()
        self.steps = 0
        self.skew = skew

    def now(self) -> float:
        return EPOCH + self._loop.time() + self.skew

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def run(self, work: Coroutine[Any, Any, None], *, most: float | None = None) -> bool:
        """Whether the work finished before the container was killed, at the latest after ``most`` seconds."""
        context = copy_context()
        context.run(MACHINE.set, self._machine)
        self._work = asyncio.create_task(work, context=context)
        limit = self._loop.call_later(most, self._die_at_deadline) if most is not None else None
        try:
            await self._work
        except asyncio.CancelledError:
            return False
        finally:
            if limit is not None:
                limit.cancel()
        return True

    async def io(self, what: str, seconds: float = 0.0) -> None:
        self.steps += 1
        step = self.steps  # other tasks run meanwhile
        if self._trace:
            self._say(what)
        frozen_until = self._machine.frozen_until
        if not frozen_until and self._is_to_be_frozen(what):
            frozen_until = self._freeze()
        pause = max(seconds, frozen_until - self._loop.time()) if frozen_until else seconds
        await (asyncio.sleep(pause) if pause > 0.0 else YIELD)
        verb, _, rest = what.partition(" ")
        moment = verb, rest.endswith(": done")
        if moment in ACTIONS:
            self._dice.overtaking.done(self, ACTIONS[moment], *ids_in(rest))
        if moment in WAIT_POINTS:
            await self._wait_to_be_overtaken(WAIT_POINTS[moment], rest)
        if step in self._kill_at or self._dice.strikes(Fault.KILLED):
            if moment in KILL_POINTS:
                self._dice.counts[KILL_POINTS[moment]] += 1
            self._die()
            await asyncio.Event().wait()  # a killed container never resumes

    def _is_to_be_frozen(self, what: str) -> bool:
        if what.startswith("claim ") and what.endswith("done") and self._dice.strikes(Fault.FROZEN_WITH_CLAIM):
            return True
        return self._dice.strikes(Fault.FROZEN)

    async def _wait_to_be_overtaken(self, action: str, what: str) -> None:
        if not self._has_waited and self._dice.strikes(Fault.OVERTAKEN):
            self._has_waited = True  # once: containers that all wait for each other never overtake
            self._say(f"waits until another container does: {action}")
            about = ids_in(what) if action != "change" else ()
            await self._dice.overtaking.wait(self, action, about, MAX_WAIT)
            await asyncio.sleep(self._dice.delay(MAX_HEAD_START))

    def _freeze(self) -> float:
        self._machine.frozen_until = self._loop.time() + self._dice.delay(self._dice.random.choice(FREEZES))
        self._say(f"is frozen until {self._machine.frozen_until:.3f}")
        return self._machine.frozen_until

    def _die_at_deadline(self) -> None:
        self._dice.counts[Consequence.KILLED_AT_DEADLINE] += 1
        self._die()

    def _die(self) -> None:
        self._say("is killed")
        if self._work is not None:
            self._work.cancel()

    def _say(self, what: str) -> None:
        if self._trace:
            self._trace(f"{self._name}: {what}")
