"""An event loop without a clock and without threads: a seed decides which task runs next, and time only jumps.

Any ready task may run next. When no task is ready, the time jumps to the next timer. So a simulated day takes no longer
than the work in it, and a seed gives the same order of tasks on any machine.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

MAX_STEPS = 500_000
"""Steps after which a schedule counts as endless."""


class ScheduleStuck(AssertionError):
    """The schedule did not end."""


@dataclass
class Machine:
    """Where tasks run. No timer fires on it before ``frozen_until``, in the loop's time."""

    frozen_until: float = 0.0


MACHINE: ContextVar[Machine | None] = ContextVar("machine", default=None)
"""The machine that a task runs on; a task without a machine is never frozen."""


class Ready(asyncio.Handle):
    """A callback that is ready to run; kept minimal, because a schedule creates very many."""

    __slots__ = ("act", "arguments", "is_off", "within")

    def __init__(self, act: Callable[..., object], arguments: tuple[object, ...], within: Context | None) -> None:
        self.act = act
        self.arguments = arguments
        self.within = copy_context() if within is None else within
        self.is_off = False

    def cancel(self) -> None:
        self.is_off = True

    def cancelled(self) -> bool:
        return self.is_off


class Timer(asyncio.TimerHandle):
    """A callback that waits for its time, on the machine that set it."""

    __slots__ = ("act", "arguments", "is_off", "machine", "within")

    def __init__(self, act: Callable[..., object], arguments: tuple[object, ...], within: Context | None) -> None:
        self.act = act
        self.arguments = arguments
        self.within = copy_context() if within is None else within
        self.is_off = False
        self.machine = self.within.get(MACHINE)

    def cancel(self) -> None:
        self.is_off = True

    def cancelled(self) -> bool:
        return self.is_off


class Yield:
    """Awaiting it yields to other ready tasks, in the order that the seed decides."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


YIELD = Yield()


class SimulatedLoop(asyncio.AbstractEventLoop):
    """As much of a loop as coroutines, futures, tasks, locks and time-outs need."""

    def __init__(self, random: Random, max_steps: int = MAX_STEPS) -> None:
        self._random = random
        self._max_steps = max_steps
        self._ready: list[Ready | Timer] = []
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = 0
        self._now = 0.0
        self.steps = 0
        self.failure: BaseException | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs the coroutine to its end and returns its result."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(coroutine)
            self._step_until(task)
            result: T = task.result()
            return result
        finally:
            asyncio._set_running_loop(None)

    def _step_until(self, task: asyncio.Task[T]) -> None:
        ready, random = self._ready, self._random.random
        while not task.done():
            if not ready:
                self._jump()
            self.steps += 1
            if self.steps > self._max_steps:
                raise ScheduleStuck("the schedule is endless")
            if len(ready) > 1:
                index = int(random() * len(ready))
                ready[index], ready[-1] = ready[-1], ready[index]
            handle = ready.pop()
            if not handle.is_off:
                handle.within.run(handle.act, *handle.arguments)
            if self.failure is not None:
                raise self.failure

    def _jump(self) -> None:
        """Moves the time to the next timer."""
        while not self._ready:
            if not self._timers:
                raise ScheduleStuck("every task waits for another")
            when, _, first = self._timers[0]
            if first.cancelled():
                heapq.heappop(self._timers)
                continue
            self._now = max(self._now, when)
            self._wake()

    def _wake(self) -> None:
        """Makes due timers ready; on a frozen machine they fire when it thaws."""
        timers = self._timers
        while timers and timers[0][0] <= self._now:
            _, number, timer = heapq.heappop(timers)
            if timer.machine is not None and timer.machine.frozen_until > self._now:
                heapq.heappush(timers, (timer.machine.frozen_until, number, timer))
            elif not timer.cancelled():
                self._ready.append(timer)

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = Ready(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = Timer(callback, args, context)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, timer))
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,  # noqa: ANN401 - asyncio's own
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled timer is thrown away when its time comes."""

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A failure that no task awaits fails the schedule."""
        error = context.get("exception")
        self.failure = error if isinstance(error, BaseException) else AssertionError(context.get("message"))
