"""Checks that a container stays within the budget of requests to Stripe."""

from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.ports import Clock, StateStore
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget

A_MOMENT = 1e-6
"""Tolerance in seconds for the rounding of summed pauses."""
TOLERATED = 2
"""Times the rate: starts may be late, and a container that stops to share keeps to a share of its own."""


class RequestBudget(SharedBudget):
    """A container's part in the budget, with the times of its requests."""

    def __init__(
        self,
        state_store: StateStore,
        scope: Scope,
        clock: Clock,
        limits: Limits,
        *,
        containers: int,
        of_reconcile: bool,
    ) -> None:
        super().__init__(
            state_store, scope, clock, limits, containers=containers, of_reconcile=of_reconcile, on_alone=lambda: None
        )
        self._starts_by = clock
        self.requests_per_second = limits.account
        self.request_times: list[float] = []

    async def start(self, endpoint: str, *, work: int = 0) -> None:
        await super().start(endpoint, work=work)
        self.request_times.append(self._starts_by.now())

    def was_kept(self) -> bool:
        """Whether no second had more requests than the budget may let through."""
        most = int(TOLERATED * self.requests_per_second) + 1
        return all(
            later - first > 1.0 - A_MOMENT
            for first, later in zip(self.request_times, self.request_times[most:], strict=False)
        )
