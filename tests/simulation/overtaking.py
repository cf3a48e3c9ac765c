"""Where those wait who are to be overtaken."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """``about`` are the ids of objects one of which it must be about; without any, all will do."""

    who: object
    action: str
    about: Collection[str]
    passed: asyncio.Future[None]


class Overtaking:
    """Whoever waits here goes on after somebody else has done something: to the table, or at Stripe."""

    def __init__(self) -> None:
        self._waiting: list[Waiter] = []

    async def wait(self, who: object, action: str, about: Collection[str], most: float) -> None:
        """Until somebody else has done this deed, or for so many seconds."""
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
