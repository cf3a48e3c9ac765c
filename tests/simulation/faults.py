"""What can go wrong, how likely it is in a schedule, and how often it has struck."""

from collections import Counter
from enum import StrEnum
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Fault(StrEnum):
    """Each strikes at one kind of moment, with the probability that the schedule's seed gave it."""

    OTHER_MODE = "event of the other mode"
    EVENT_TWICE = "event sent twice"
    EVENT_LATE = "event held up, by up to three days"
    EVENT_LOST = "event lost"
    EVENT_NEVER_MADE = "event never generated"
    ANSWER_LOST = "our answer to a webhook lost"
    SEND_REFUSED = "queue does not take a message"
    SEND_TIMES_OUT = "queue takes a message and does not say so"
    RECEIVED_TWICE = "queue hands a message to two workers"
    DELETE_LOST = "deletion of a message lost"
    TABLE_THROTTLED = "table throttled"
    WRITE_TIMES_OUT = "table writes and does not say so"
    STRIPE_THROTTLED = "Stripe answers 429"
    STRIPE_BUSY = "Stripe answers 409, 5xx, garbage or nothing"
    STRIPE_SLOW = "Stripe takes up to a minute"
    STRIPE_BEHIND = "Stripe does not show a new object yet"
    STALE_READ = "Stripe shows an older state"
    STALE_LIST = "Stripe lists an older state"
    KEY_REVOKED = "Stripe refuses the key for a while"
    KILLED = "worker killed"
    FROZEN = "worker frozen for minutes"
    SKEWED = "worker's clock off by up to the margin"
    SKEWED_BEYOND = "worker's clock off by more than the margin"


LOSING = frozenset({Fault.EVENT_LOST, Fault.EVENT_NEVER_MADE, Fault.STALE_READ, Fault.SKEWED_BEYOND, Fault.KEY_REVOKED})
"""Faults after which only a pass of reconcile can put things right."""

RARE = frozenset({Fault.KILLED, Fault.FROZEN, Fault.TABLE_THROTTLED, Fault.WRITE_TIMES_OUT, Fault.KEY_REVOKED})
"""Faults that have a chance at each of many steps."""


class Dice:
    """One seed's chances: a schedule has some of the faults, each more or less often, and others not at all."""

    def __init__(self, seed: int, *, losing: bool) -> None:
        self.random = Random(seed)
        self.counts: Counter[Fault] = Counter()
        self.calm = False
        self._chances = {
            fault: self.random.choice((0.0, 0.0, 0.03, 0.1, 0.3)) * (0.15 if fault in RARE else 1.0)
            for fault in Fault
            if losing or fault not in LOSING
        }

    def strikes(self, fault: Fault) -> bool:
        chance = 0.0 if self.calm else self._chances.get(fault, 0.0)
        if chance == 0.0 or self.random.random() >= chance:
            return False
        self.counts[fault] += 1
        return True

    def seconds(self, most: float) -> float:
        """A time that is short more often than long."""
        return most * float(self.random.random()) ** 3
