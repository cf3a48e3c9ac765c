"""How a flow calls a client that blocks: directly, where nothing else runs meanwhile, or else in a thread."""

from collections.abc import Callable, Coroutine
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Call(Protocol):
    """``asyncio.to_thread``, or :func:`call_directly`."""

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


async def call_directly(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a blocking function in this thread."""
    return function(*args, **kwargs)


def complete(flow: Coroutine[object, None, T]) -> T:
    """The result of a flow whose adapters all :func:`call_directly`: it never waits, and needs no event loop.

    Raises ``RuntimeError`` where the flow waits all the same.
    """
    try:
        flow.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    flow.close()
    raise RuntimeError("the flow waits for an event loop, and has none")
