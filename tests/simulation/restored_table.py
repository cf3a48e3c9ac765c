"""A table that is restored to how it was some time before: objects, counters, notes, runs, checkpoints and leases.

On AWS a restore makes another table, and containers that still write to the old one do no harm. Here they write on to
the restored one, as if it had the old name: their tokens are higher than those that are given from then on.
"""

import asyncio
from copy import deepcopy
from random import Random

from .environment import Environment
from .faults import Dice, Fault

AFTER = 8.0
"""Seconds after a change within which the table is restored."""
CHANCE = 0.3
"""Between two changes: of the backup, and then of the restore."""


class RestoredTable:
    """One backup and one restore, in schedules that have them."""

    def __init__(self, environment: Environment, dice: Dice, seed: int) -> None:
        self._environment = environment
        self._dice = dice
        self._random = Random(f"when the table is restored, of seed {seed}")
        self._backup: tuple[dict[str, object], dict[str, object]] | None = None

    def perhaps_strike(self) -> None:
        if not self._dice.restoring or self._random.random() >= CHANCE:
            return
        if self._backup is None:
            self._backup = self._state()
        else:
            self._dice.restoring = False
            # Not at the change itself, but while workers fetch what its events announce.
            asyncio.get_running_loop().call_later(self._random.uniform(0.0, AFTER), self._restore, self._backup)

    def _state(self) -> tuple[dict[str, object], dict[str, object]]:
        mirror, store = self._environment.mirror, self._environment.state_store
        objects = {name: getattr(mirror, name) for name in ("objects", "chunks", "counters", "notes")}
        return deepcopy(objects), deepcopy({"partitions": store.partitions, "leases": store.leases})

    def _restore(self, backup: tuple[dict[str, object], dict[str, object]]) -> None:
        self._dice.counts[Fault.TABLE_RESTORED] += 1
        # A write under way finds its chunks gone. Verify heals it; a restored table on AWS has no writes under way.
        self._environment.mirror.tracks_readability = False
        for holder, values in zip((self._environment.mirror, self._environment.state_store), backup, strict=True):
            for name, value in values.items():
                setattr(holder, name, value)
