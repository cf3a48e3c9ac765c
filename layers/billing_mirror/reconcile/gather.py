"""Run awaitables concurrently, and wait for all of them."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather_all(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """All results, in order. When some fail, waits for the others, then raises the first failure."""
    results: list[T] = []
    failures: list[BaseException] = []
    for result in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(result, BaseException):
            failures.append(result)
        else:
            results.append(result)
    if failures:
        raise failures[0]
    return results
