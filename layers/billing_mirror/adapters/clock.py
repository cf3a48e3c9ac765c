"""The machine's clock."""

import asyncio
import time


class SystemClock:
    """Implements ``ports.Clock``."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
