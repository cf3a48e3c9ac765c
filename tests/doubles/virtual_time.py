"""Time that only jumps: to the next moment at which a task continues."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from random import Random
from typing import Any, ParamSpec

from tests.simulation.loop import SimulatedLoop

P = ParamSpec("P")


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on a loop whose time only jumps."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        SimulatedLoop(Random(1)).run(test(*args, **kwargs))  # type: ignore[abstract]  # no sockets are needed

    return run


class VirtualClock:
    """Implements ``ports.Clock``."""

    def now(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
