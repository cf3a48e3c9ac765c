"""Makes a worker wait until another has overtaken it."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """``about`` are ids of objects: the action must be about one of them; empty accepts any object."""

    who: object
    action: str
    about: Collection[str]
    passed: asyncio.Future[None]


class Overtaking:
    """Workers that wait until another worker acts on the table, or until an object changes at Stripe."""

    def __init__(self) -> None:
        self._waiting: list[Waiter] = []

    async def wait(self, who: object, action: str, about: Collection[str], most: float) -> None:
        """Waits until another worker does this action, for ``most`` seconds at most."""
        one = Waiter(who, action, about, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        with suppress(TimeoutError):
            async with asyncio.timeout(most):
                await one.passed
        if one in self._waiting:
            self._waiting.remove(one)

    def done(self, who: object, action: str, about: str = "") -> None:
        for one in list(self._waiting):
            if one.action == action and one.who is not who and (not one.about or about in one.about):
                self._waiting.remove(one)
                if not one.passed.done():
                    one.passed.set_result(None)
