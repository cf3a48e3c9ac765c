"""Ports of which one write is made twice, as by AWS's client when the answer to the first attempt is lost."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")

WRITES = frozenset(
    {
        "claim",
        "put",
        "put_tombstone",
        "release_claim",
        "raise_counter",
        "note_unstorable",
        "remove_note",
        "erase",
        "empty_beside",
        "note_removal",
        "drop_removal",
        "write",
        "lease",
        "release",
    }
)


@dataclass
class Repetition:
    """Write number ``nth`` is made twice, and answered as the second time."""

    nth: int
    writes: int = 0

    @property
    def was_made(self) -> bool:
        return self.writes >= self.nth


def repeating(port: T, repetition: Repetition) -> T:
    """The port, which makes one of its writes twice."""
    return cast(T, _RepeatingPort(port, repetition))


class _RepeatingPort:
    def __init__(self, port: object, repetition: Repetition) -> None:
        self._port = port
        self._repetition = repetition

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        member = getattr(self._port, name)
        return self._calling(member) if name in WRITES and inspect.iscoroutinefunction(member) else member

    def _calling(self, member: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **options: object) -> object:
            self._repetition.writes += 1
            if self._repetition.writes == self._repetition.nth:
                await member(*args, **options)
            return await member(*args, **options)

        return call
