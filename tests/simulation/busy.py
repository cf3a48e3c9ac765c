"""A schedule in which much happens to few objects at once: where defects that need a race show soonest."""

import asyncio
from collections.abc import Callable, Sequence

from .business import Business
from .schedule import SECRETS, Schedule

PAUSES = (0.3, 3.0, 30.0, 90.0)
"""Seconds between two changes, at the most."""


class OneSided(Business):
    """A business of which one kind of change is most."""

    def open(self) -> None:
        super().open()
        kinds = (self._subscribe, self._sell, self._sell, self._bill, self._price, self._update_customer)
        self._favourite: Sequence[Callable[[], None]] = (*([self._random.choice(kinds)] * 4), super().step)

    def step(self) -> None:
        self._random.choice(self._favourite)()


class Busy(Schedule):
    async def _live(self, context: str | None) -> None:
        business = OneSided(self.state, context, self.dice.random, self.clock.now, lambda *told: self._tell(*told))
        business.open()
        pause = self.dice.random.choice(PAUSES)
        for _ in range(self.dice.random.randint(3, 10)):
            await asyncio.sleep(self.dice.seconds(pause))
            business.step()
            if self.dice.random.random() < 0.1:
                # Stripe signs with both, or the old one has expired.
                self._secrets.stored = self.dice.random.choice((SECRETS, SECRETS[1:]))
