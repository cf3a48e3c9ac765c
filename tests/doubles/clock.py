"""A clock that moves only by ``advance`` and ``sleep``."""


class ManualClock:
    """Implements ``ports.Clock``."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += seconds
