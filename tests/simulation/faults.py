"""The faults of a schedule, their probabilities, and how often each has struck."""

import math
from collections import Counter
from enum import StrEnum
from random import Random

from .overtaking import Overtaking


class Fault(StrEnum):
    """Each strikes at one kind of moment, with the probability that the schedule's seed gave it."""

    OTHER_MODE = "event of the other mode"
    EVENT_TWICE = "event sent twice"
    EVENT_LATE = "event held up, by up to three days"
    EVENT_LOST = "event lost"
    SNAPSHOT_SENT = "snapshot event sent, dated in whole seconds, instead of the thin one"
    DATED_AHEAD = "event dated in the future by a test clock"
    EVENT_NEVER_MADE = "event never generated"
    ANSWER_LOST = "our answer to a webhook lost"
    SECRETS_ROTATED = "signing secrets rotated"
    SEND_REFUSED = "queue does not take a message"
    SEND_TIMES_OUT = "queue takes a message and does not say so"
    RECEIVED_TWICE = "queue hands a message to two workers"
    DELETE_LOST = "deletion of a message lost"
    TABLE_THROTTLED = "table throttled"
    TABLE_SLOW = "table takes up to ten seconds"
    KEYS_UNPROCESSED = "table leaves keys of a batch unprocessed"
    WRITE_TIMES_OUT = "table writes and does not say so"
    STRIPE_THROTTLED = "Stripe answers 429, for all requests"
    ENDPOINT_THROTTLED = "Stripe answers 429, for one endpoint"
    STRIPE_LOCKED = "Stripe answers 409"
    STRIPE_BROKEN = "Stripe answers 500"
    STRIPE_TIMEOUT = "Stripe does not answer in time"
    STRIPE_TRUNCATED = "Stripe's answer is cut off"
    STRIPE_GARBLED = "Stripe's answer is garbled"
    PROXY_ANSWERS = "a page of HTML instead of Stripe's answer"
    STRIPE_SLOW = "Stripe takes long to handle a request"
    ANSWER_SLOW = "Stripe's answer takes long to arrive"
    STRIPE_BEHIND = "Stripe does not show a new object yet"
    STALE_READ = "Stripe shows an older state"
    STALE_LIST = "Stripe lists an older state"
    PAGE_REFUSED = "Stripe refuses a later page of a list"
    KEY_REVOKED = "Stripe refuses the key for a while"
    OUTAGE = "Stripe is out for longer than a message lives"
    KILLED = "worker killed"
    OUT_OF_TIME = "worker has no time beyond its deadline"
    FROZEN = "worker frozen for minutes"
    FROZEN_WITH_CLAIM = "worker frozen for minutes, with a claim just taken"
    OVERTAKEN = "worker waits until another overtakes it"
    SKEWED = "worker's clock off by up to the margin"
    SKEWED_BEYOND = "worker's clock off by more than the margin"
    COUNTER_LOST = "an object's counter is deleted by hand"
    WRITE_REPEATED = "table writes, and refuses the repetition of the write"
    KEY_OF_OTHER_ACCOUNT = "the secret holds a key of another account for a while"
    UNSTORABLE = "object changed to what the table cannot hold"
    TABLE_RESTORED = "table restored to an older time, counters and runs included"
    TABLE_BEHIND = "table shows a state before the last write, where a read need not be consistent"


LOSING = frozenset(
    {
        Fault.EVENT_LOST,
        Fault.EVENT_NEVER_MADE,
        Fault.STALE_READ,
        Fault.SKEWED_BEYOND,
        Fault.KEY_REVOKED,
        Fault.OUTAGE,
        Fault.UNSTORABLE,
        Fault.TABLE_RESTORED,
    }
)
"""Faults that only a reconcile run can repair."""

RARE = frozenset(
    {
        Fault.KILLED,
        Fault.FROZEN,
        Fault.TABLE_THROTTLED,
        Fault.KEYS_UNPROCESSED,
        Fault.WRITE_TIMES_OUT,
        Fault.WRITE_REPEATED,
        Fault.KEY_REVOKED,
        Fault.OUTAGE,
        Fault.STRIPE_THROTTLED,
        Fault.ENDPOINT_THROTTLED,
        Fault.STRIPE_LOCKED,
        Fault.STRIPE_BROKEN,
        Fault.STRIPE_TIMEOUT,
        Fault.STRIPE_TRUNCATED,
        Fault.STRIPE_GARBLED,
        Fault.PROXY_ANSWERS,
    }
)
"""Faults that are drawn at many steps, or whose effect another fault has as well."""


SEPARATE = frozenset({Fault.KEY_OF_OTHER_ACCOUNT, Fault.TABLE_RESTORED, Fault.TABLE_BEHIND})
"""Faults that only some schedules have, which are drawn apart from the others."""


class Consequence(StrEnum):
    """What follows from faults and from the order of tasks; these have no probability of their own."""

    OUT_OF_ORDER = "messages received out of order"
    STILL_AT_WORK = "message received again while still in flight"
    BATCH_IN_PART = "batch done in part"
    WRITE_REFUSED = "write refused, because a newer one was there"
    SENT_AGAIN = "event sent again, because ingest did not answer 200"
    NOT_FOUND = "Stripe answers 404"
    DELETED = "object deleted"
    CHANGED_BY_HAND = "stored object changed by hand"
    RECREATED = "object created again"
    LISTED_IN_PARTS = "page of a part of a list"
    REVERTED = "change reverted"
    EXPIRED = "message expired before it was processed"
    KILLED_BEFORE_CLAIM = "worker killed before the claim"
    KILLED_AFTER_CLAIM = "worker killed after the claim"
    KILLED_AFTER_FETCH = "worker killed after the fetch"
    KILLED_AFTER_APPLY = "worker killed after the apply"
    KILLED_BEFORE_DELETE = "worker killed before the delete"
    KILLED_AT_DEADLINE = "worker killed at the deadline"
    KEY_REFUSED = "key of another account refused"
    REMOVALS_HELD = "too many objects gone for one run"


DELAYING = frozenset(
    {
        Fault.EVENT_LATE,
        Fault.FROZEN,
        Fault.FROZEN_WITH_CLAIM,
        Fault.STRIPE_SLOW,
        Fault.ANSWER_SLOW,
        Fault.STRIPE_BEHIND,
        Fault.STALE_LIST,
        Fault.TABLE_SLOW,
        Fault.OVERTAKEN,
        Fault.SKEWED,
    }
)
"""Faults by which one worker overtakes another. Faults that cause retries often repair the result, so these are drawn
separately."""

CHANCES = (0.03, 0.1, 0.3)
CHANCES_IN_RACE = (0.3, 0.5)
"""Of faults in ``DELAYING``."""
CHANCE_OF_A_SNAPSHOT = 0.5
"""Of an event, in a schedule whose changes follow each other within a second."""
SHARE_UNSTORABLE = 0.5
"""Of the schedules that lose something: in these, objects often become unstorable and storable again."""
CHANCE_OF_A_LOSS = 0.4
"""Of an event, in a schedule that loses nothing but events."""
SHARE_BEHIND, CHANCE_OF_AN_OLD_STATE = 0.2, 0.5
"""Of schedules whose table may be behind, and of a read in them."""
CHANCE_OF_A_WRONG_KEY = 0.3
"""Between two changes, in a schedule whose containers guard the account."""


class Dice:
    """One seed's chances: a schedule has some of the faults, each more or less often, and others not at all."""

    def __init__(self, seed: int, *, losing: bool) -> None:
        self.random = Random(seed)
        self.counts: Counter[str] = Counter()
        self.overtaking = Overtaking()
        self.racing = self.random.random() < 0.6
        """Whether delays dominate the faults, so that no retry repairs the result of a race."""
        self.longest = self.random.choice((2.0, 8.0, 25.0, 25.0)) if self.racing else math.inf
        """Maximum seconds of a delay; delays near the time between two changes cause most races."""
        self.recovering = losing and self.random.random() < 0.25
        """Whether only events are lost, so that the recover job alone must repair the mirror."""
        share = 0.03 if self.racing else self.random.choice((0.1, 0.4, 0.7))
        delaying = 0.6 if self.racing else self.random.choice((0.1, 0.4, 0.7))
        self._chances = {
            fault: self._chance(fault)
            for fault in Fault
            if fault not in SEPARATE
            if (losing or fault not in LOSING) and self.random.random() < (delaying if fault in DELAYING else share)
        }
        self.dated_coarsely = self.random.random() < 0.2
        """Whether many events are snapshots, and the changes follow each other within a second."""
        if self.dated_coarsely:
            self._chances[Fault.SNAPSHOT_SENT] = CHANCE_OF_A_SNAPSHOT
        if self.recovering:
            # What only verify repairs: a new object that a container with a wrong clock takes for a deleted one.
            ruled_out = LOSING - {Fault.SKEWED_BEYOND} | {Fault.STRIPE_BEHIND}
            self._chances = {fault: chance for fault, chance in self._chances.items() if fault not in ruled_out}
            self._chances[Fault.EVENT_LOST] = CHANCE_OF_A_LOSS
            if self.random.random() < 0.5:
                self._chances[Fault.SKEWED_BEYOND] = CHANCE_OF_A_LOSS
        self.grid = self.random.choice((0.0, 0.25) if self.dated_coarsely else (0.0, 0.0, 0.5, 2.0))
        """Times are multiples of these seconds: the coarser, the more happens at the same time."""
        separate = Random(f"what only some schedules have, of seed {seed}")
        self.guarded = separate.random() < 0.1
        """Whether containers guard the account: then the secret may hold a key of another one for a while."""
        self.discounting = separate.random() < 0.15
        """Whether there are discounts, whose events concern several objects."""
        self.removing = separate.random() < 0.06
        """Whether there are many coupons, with ids that a person chose, of which many may be gone at once."""
        self.restoring = separate.random() < 0.08 and losing and not self.recovering
        """Whether the table is restored once; verify repairs what that has lost."""
        self.listing_long = separate.random() < 0.1
        """Whether there are customers from long ago, so that the list of customers is read in parts."""
        if separate.random() < SHARE_BEHIND:
            self._chances[Fault.TABLE_BEHIND] = CHANCE_OF_AN_OLD_STATE
        if self.guarded:
            self._chances[Fault.KEY_OF_OTHER_ACCOUNT] = CHANCE_OF_A_WRONG_KEY
        if losing and not self.recovering and self.random.random() < SHARE_UNSTORABLE:
            self._chances |= {Fault.UNSTORABLE: CHANCE_OF_A_LOSS, Fault.EVENT_LOST: CHANCE_OF_A_LOSS}

    def _chance(self, fault: Fault) -> float:
        chance = self.random.choice(CHANCES_IN_RACE if self.racing and fault in DELAYING else CHANCES)
        return chance * 0.15 if fault in RARE else chance

    def stop_faults(self) -> None:
        """Switches all faults off."""
        self._chances.clear()

    def strikes(self, fault: Fault) -> bool:
        chance = self._chances.get(fault)
        if chance is None or self.random.random() >= chance:
            return False
        self.counts[fault] += 1
        return True

    def seconds(self, most: float) -> float:
        """A time that is short more often than long."""
        return self._rounded(most * float(self.random.random()) ** 3)

    def delay(self, most: float) -> float:
        """A uniformly distributed time."""
        return self._rounded(min(most, self.longest) * self.random.random())

    def _rounded(self, seconds: float) -> float:
        return round(seconds / self.grid) * self.grid if self.grid else seconds
