"""Mutants of the shared budget of requests to Stripe. The model of the budget judges them."""

from collections.abc import Iterable

from billing_mirror.core.errors import TransientError
from billing_mirror.core.stripe_api.budget import (
    ACCOUNT,
    AHEAD,
    BUDGET_PARTITION,
    BUDGET_SORT_KEY,
    Bucket,
    Budget,
    Limits,
    Wanted,
)
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget

from .registry import mutant, replaces

reserve = Budget.reserve
slowed = Budget.slowed
shared_starts = SharedBudget._shared_starts


@mutant("a budget that another container has written meanwhile is written over", of_budget=True)
@replaces(SharedBudget._write)
async def leases_twice(self: SharedBudget, known: Budget, reserved: Budget, now: float) -> bool:
    del known
    entry = reserved.to_item(now)
    await self._state_store.write(self._scope, BUDGET_PARTITION, BUDGET_SORT_KEY, entry)
    self._known = Budget.from_item(entry)
    return True


@mutant("the limit of an endpoint is ignored", of_budget=True)
@replaces(Limits.of_bucket)
def ignores_endpoints(self: Limits, name: str) -> float:
    return 1000.0 if name.startswith("/") else self.account


@mutant("the limit of the account is ignored", of_budget=True)
@replaces(Limits.of_bucket)
def ignores_account(self: Limits, name: str) -> float:
    return 1000.0 if name == ACCOUNT else self.endpoint


@mutant("a 429 slows nothing down", of_budget=True)
@replaces(Budget.slowed)
def never_decreases(self: Budget, names: Iterable[tuple[str, float]], limits: Limits) -> Budget:
    return slowed(self, (), limits) if names else self


@mutant("reconcile comes before live traffic", of_budget=True)
@replaces(Wanted.ahead)
def prefers_reconcile(self: Wanted, bucket: str, now: float) -> float:
    del bucket, now
    return 10 * AHEAD if self.of_reconcile else AHEAD / 10


@mutant("a rest is saved up for a burst", of_budget=True)
@replaces(Bucket.earliest)
def saves_up(self: Bucket, now: float) -> float:
    return max(self.next_at, now - 1.0)


@mutant("a container reserves for each request on its own", of_budget=True)
@replaces(SharedBudget._expected)
def reserves_what_nothing_waits_for(self: SharedBudget, now: float) -> list[Wanted]:
    return [Wanted(name, now) for name in self._came for _ in range(20)]


@mutant("without the table, a container takes the whole budget", of_budget=True)
@replaces(Limits.static_share)
def takes_all(self: Limits, containers: int, *, of_reconcile: bool) -> Limits:
    del containers, of_reconcile
    return Limits(1000.0, 1000.0, 1000.0)


@mutant("a container without the table waits for it", of_budget=True)
@replaces(SharedBudget._shared_starts)
async def waits_for_the_table(self: SharedBudget, wanted: list[Wanted]) -> list[float | None]:
    try:
        return await shared_starts(self, wanted)
    except TransientError:
        return [None for _ in wanted]
