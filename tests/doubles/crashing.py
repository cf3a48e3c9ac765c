"""Ports that crash after a number of calls, as when Lambda stops a container."""

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Killed(BaseException):
    """A ``BaseException``, so that no handler in the flows catches it."""


@dataclass
class CallLimit:
    """Crashes at call number ``max_calls``: ``before`` it is made, or else after it, with its answer lost."""

    max_calls: float = inf
    before: bool = True
    calls: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """How often each method was called."""

    def is_reached(self) -> bool:
        return self.calls >= self.max_calls

    def begin_call(self) -> None:
        if self.is_reached():
            raise Killed
        self.calls += 1
        if self.is_reached() and self.before:
            raise Killed

    def end_call(self) -> None:
        if self.is_reached():
            raise Killed


def crashing(port: T, life: CallLimit) -> T:
    """The port, which raises ``Killed`` once the limit is reached."""
    return cast(T, _CrashingPort(port, life))


class _CrashingPort:
    def __init__(self, port: object, life: CallLimit) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        member = getattr(self._port, name)
        if not callable(member):
            return member
        self._life.counts[name] += 1
        if inspect.isasyncgenfunction(member):
            return self._reading(member)
        return self._calling(member) if inspect.iscoroutinefunction(member) else member

    def _calling(self, member: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **options: object) -> object:
            self._life.begin_call()
            answer = await member(*args, **options)
            self._life.end_call()
            return answer

        return call

    def _reading(self, member: Callable[..., AsyncIterator[object]]) -> Callable[..., AsyncIterator[object]]:
        async def read(*args: object, **options: object) -> AsyncIterator[object]:
            self._life.begin_call()
            async for one in member(*args, **options):
                yield one

        return read
