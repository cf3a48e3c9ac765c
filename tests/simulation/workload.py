"""The workload of a schedule, apart from faults: number and rate of changes, workers and their batches."""

from collections.abc import Sequence
from dataclasses import dataclass

from .faults import Dice

_ALONE: Sequence[str | None] = (None,)
CONTEXTS = (_ALONE,) * 8 + ((None, "acct_1"), (None, "acct_1", "acct_2"))
"""The accounts of a schedule: the key's own, and in some one or two connected accounts with the same ids."""


@dataclass(frozen=True, slots=True)
class Workload:
    """All times are maximum seconds."""

    contexts: Sequence[str | None]
    changes: int
    pause: float
    """Between two changes."""
    one_sided: bool
    workers: int
    batch: int
    """Messages that a worker takes at once."""
    idle: float
    """Before a worker receives again."""
    reconcile_chance: float
    """Probability of a reconcile run after an object is created."""
    requests_per_second: float
    """All workers together."""
    coalescing: float
    """For which a fetch waits for another event of the same change."""

    @classmethod
    def draw(cls, dice: Dice) -> "Workload":
        random, racing = dice.random, dice.racing
        return cls(
            contexts=CONTEXTS[0] if racing else random.choice(CONTEXTS),
            changes=random.randint(2, 5) if racing else random.randint(1, 6),
            pause=1.0 if dice.dated_coarsely else dice.longest if racing else random.choice((0.3, 3.0, 30.0, 90.0)),
            one_sided=racing or random.random() < 0.5,
            workers=random.choice((2, 2, 3) if racing else (2, 3, 3, 5)),
            batch=random.choice((1, 1, 3) if racing else (1, 3, 10, 50)),
            idle=random.choice((0.0, 0.0, dice.longest) if racing else (0.0, 0.0, 10.0, 60.0)),
            reconcile_chance=random.choice((0.0, 0.5, 1.0, 1.0) if racing else (0.0, 0.2, 0.5)),
            requests_per_second=random.choice((20.0, 50.0, 100.0)),
            coalescing=random.choice((0.0, 0.075, 0.075, 1.0)),
        )
