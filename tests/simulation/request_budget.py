"""Checks that a container stays within its rate of requests to Stripe."""

from billing_mirror.core.rate_limiter import RateLimiter

A_MOMENT = 1e-6
"""Tolerance in seconds for the rounding of summed pauses."""


class RequestBudget(RateLimiter):
    """The rate limiter of one container, with the times of its requests."""

    def __init__(self, requests_per_second: float) -> None:
        super().__init__(requests_per_second)
        self.requests_per_second = requests_per_second
        self.request_times: list[float] = []

    def start(self, now: float) -> None:
        super().start(now)
        self.request_times.append(now)

    def was_kept(self) -> bool:
        """Whether no second had more requests than the rate plus the one that may start at once."""
        most = int(self.requests_per_second) + 1
        return all(
            later - first > 1.0 - A_MOMENT
            for first, later in zip(self.request_times, self.request_times[most:], strict=False)
        )
