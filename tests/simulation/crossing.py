"""Where those wait who are to be overtaken."""

import asyncio
from contextlib import suppress


class Crossing:
    """Whoever waits here goes on after somebody else has done something: to the table, or at Stripe."""

    def __init__(self) -> None:
        self._waiting: list[tuple[object, str, asyncio.Future[None]]] = []

    async def wait(self, who: object, deed: str, most: float) -> None:
        """Until somebody else has done this deed, or for so many seconds."""
        passed = asyncio.get_running_loop().create_future()
        self._waiting.append((who, deed, passed))
        with suppress(TimeoutError):
            async with asyncio.timeout(most):
                await passed

    def done(self, who: object, deed: str) -> None:
        released = [one for one in self._waiting if one[0] is not who and one[1] == deed]
        for one in released:
            self._waiting.remove(one)
            if not one[2].done():
                one[2].set_result(None)
