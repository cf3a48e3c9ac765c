"""Several things at once, with nothing left going on behind the back of who asked for them."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather_all(several: Iterable[Awaitable[T]]) -> list[T]:
    """All results, in order. When some fail, the others are waited for, and the first failure is raised."""
    results: list[T] = []
    failures: list[BaseException] = []
    for result in await asyncio.gather(*several, return_exceptions=True):
        if isinstance(result, BaseException):
            failures.append(result)
        else:
            results.append(result)
    if failures:
        raise failures[0]
    return results
