"""The budget of requests to Stripe that all containers share: which requests may start, and when.

A *bucket* spaces requests evenly: one for the account, one for each endpoint, one for all of reconcile. A container
reserves starts in them. The arithmetic is that of a token bucket that saves nothing up: Stripe counts the requests of
each second, so a burst after a rest would be refused. https://docs.stripe.com/rate-limits
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from ..table.items import Item

BUDGET_PARTITION = "budget"
"""The partition of a mode's budget in the state store."""
BUDGET_SORT_KEY = "budget"
ACCOUNT = "account"
"""The bucket that every request is taken from, beside that of its endpoint."""
RECONCILE = "reconcile"
"""The bucket of reconcile's requests, in addition."""

LIVE_LIMIT = 100.0
TEST_LIMIT = 25.0
ENDPOINT_LIMIT = 25.0
"""Stripe's limits in requests a second: https://docs.stripe.com/rate-limits"""
DEFAULT_SHARE = 0.8
"""The share of an account's limit that is used where no other is set: the rest is for the user's other software."""
RECONCILE_SHARE = 0.25
"""The share of the budget that reconcile may use where no other is set."""
NEARLY = 0.98
"""The share of a limit that is used: networks delay some requests more than others, and clocks differ."""

AHEAD = 1.0
"""Seconds ahead for which a request of process may reserve its start."""
AHEAD_OF_RECONCILE = 0.6
"""The same for a request of reconcile."""
AHEAD_OF_LIVE = 0.1
"""The same in the bucket of the account: while more is reserved there, live traffic waits, and reconcile comes last."""
AHEAD_OF_NEED = 0.1
"""The same for a start without a request yet: more is reserved only by requests that wait."""
LONG_WAIT = 5.0
"""Seconds after which a request may reserve its start however far ahead: none waits for ever."""
FARTHEST = 2 * AHEAD + 1.0
"""Seconds ahead at which the next start of a bucket can only be of a clock that is wrong."""

DECREASE = 0.85
"""What a 429 multiplies the rate of its bucket by, at most once in ``COOLDOWN`` seconds."""
COOLDOWN = 0.5
INCREASE = 0.03
"""The share of the limit that the rate then regains each second."""
LEAST = 0.05
"""The share of the limit that is always left."""
IDLE = 60.0
"""Seconds after which a bucket is forgotten."""
KEPT_FOR = 86_400
"""Seconds for which the table keeps a budget that is no longer used."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second: of the account, of each endpoint, and of reconcile within both."""

    account: float
    endpoint: float
    reconcile: float

    @classmethod
    def of(cls, requests_per_second: float, reconcile_requests_per_second: float, *, livemode: bool) -> Self:
        """The limits of a deployment. 0 stands for the default of the key's mode."""
        total = requests_per_second or DEFAULT_SHARE * (LIVE_LIMIT if livemode else TEST_LIMIT)
        reconcile = min(total, reconcile_requests_per_second or RECONCILE_SHARE * total)
        # Who sets more than Stripe's limit has other limits, for each endpoint too.
        endpoint = ENDPOINT_LIMIT if total <= LIVE_LIMIT else total
        return cls(NEARLY * total, NEARLY * endpoint, NEARLY * reconcile)

    def of_bucket(self, name: str) -> float:
        return {ACCOUNT: self.account, RECONCILE: self.reconcile}.get(name, self.endpoint)

    def static_share(self, containers: int, *, of_reconcile: bool) -> Self:
        """The limits of one container that cannot share: reconcile keeps its own, the rest is divided."""
        of_all = min(0.5, self.reconcile / self.account)
        share = of_all if of_reconcile else (1.0 - of_all) / containers
        return replace(self, account=self.account * share, endpoint=self.endpoint * share)


@dataclass(frozen=True, slots=True)
class Bucket:
    """When the next request may start, and the rate that the last 429 left; times in seconds since 1970."""

    next_at: float = 0.0
    slowed_to: float = math.inf
    slowed_at: float = 0.0

    def rate(self, limit: float, now: float) -> float:
        """Requests a second: each second after a 429, some of the limit comes back."""
        return min(limit, self.slowed_to + INCREASE * limit * max(0.0, now - self.slowed_at))

    def earliest(self, now: float) -> float:
        """When the next request may start, at the earliest now."""
        return now if self.next_at > now + FARTHEST else max(now, self.next_at)

    def slowed(self, limit: float, at: float) -> Self:
        """After a 429."""
        if abs(at - self.slowed_at) < COOLDOWN:
            return self
        return replace(self, slowed_to=max(LEAST * limit, DECREASE * self.rate(limit, at)), slowed_at=at)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that has no start yet. ``since`` is when it came; a ``spare`` one is only expected to come."""

    endpoint: str
    since: float
    of_reconcile: bool = False
    spare: bool = False

    @property
    def buckets(self) -> tuple[str, ...]:
        return (self.endpoint, ACCOUNT, RECONCILE) if self.of_reconcile else (self.endpoint, ACCOUNT)

    def ahead(self, bucket: str, now: float) -> float:
        """Seconds ahead for which it may reserve its start in a bucket."""
        if now - self.since >= LONG_WAIT:
            return FARTHEST
        if self.of_reconcile:
            return AHEAD_OF_LIVE if bucket == ACCOUNT else AHEAD_OF_RECONCILE
        return AHEAD_OF_NEED if self.spare else AHEAD


@dataclass(frozen=True, slots=True)
class Budget:
    """The buckets, by name; ``version`` counts the writes."""

    version: int = 0
    buckets: Mapping[str, Bucket] = field(default_factory=dict)

    def reserve(self, wanted: Sequence[Wanted], limits: Limits, now: float) -> tuple[Self, list[float | None]]:
        """The starts of the wanted requests in their order, None where all starts that are near are reserved."""
        buckets = dict(self.buckets)
        starts = [_reserve_one(buckets, one, limits, now) for one in wanted]
        return replace(self, buckets=buckets), starts

    def slowed(self, names: Iterable[tuple[str, float]], limits: Limits) -> Self:
        """After the 429s of some buckets, each with its time."""
        buckets = dict(self.buckets)
        for name, at in names:
            buckets[name] = buckets.get(name, Bucket()).slowed(limits.of_bucket(name), at)
        return replace(self, buckets=buckets)

    def to_item(self, now: float) -> Item:
        """The next version, in whole microseconds and thousandths of a request, without what is idle."""
        kept = {name: one for name, one in self.buckets.items() if max(one.next_at, one.slowed_at) > now - IDLE}
        return {
            "version": self.version + 1,
            "next_at": {name: round(one.next_at * 1e6) for name, one in kept.items()},
            "slowed_to": {name: round(one.slowed_to * 1e3) for name, one in kept.items() if one.slowed_at},
            "slowed_at": {name: round(one.slowed_at * 1e6) for name, one in kept.items() if one.slowed_at},
            "expires_at": int(now) + KEPT_FOR,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written; what is not readable is left out."""
        next_at, to, at = (_numbers(item.get(name)) for name in ("next_at", "slowed_to", "slowed_at"))
        buckets = {name: Bucket(number / 1e6) for name, number in next_at.items()}
        for name in buckets.keys() & to.keys() & at.keys():
            buckets[name] = replace(buckets[name], slowed_to=to[name] / 1e3, slowed_at=at[name] / 1e6)
        version = item.get("version")
        return cls(int(version) if isinstance(version, int) else 0, buckets)


def _reserve_one(buckets: dict[str, Bucket], one: Wanted, limits: Limits, now: float) -> float | None:
    found = {name: buckets.get(name, Bucket()) for name in one.buckets}
    earliest = {name: bucket.earliest(now) for name, bucket in found.items()}
    if any(at > now + one.ahead(name, now) for name, at in earliest.items()):
        return None
    start = max(earliest.values())
    for name, bucket in found.items():
        # What only the endpoint delays must not hold up requests to others.
        after = start if name == one.endpoint else earliest[name]
        buckets[name] = replace(bucket, next_at=after + 1.0 / bucket.rate(limits.of_bucket(name), now))
    return start


def limited_bucket(endpoint: str, reason: str) -> str:
    """The bucket that a 429 is about, by the header ``Stripe-Rate-Limited-Reason``; empty where there is none.

    https://docs.stripe.com/rate-limits
    """
    return ACCOUNT if reason.startswith("global-") else endpoint


def _numbers(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {str(name): float(number) for name, number in value.items() if isinstance(number, int)}
