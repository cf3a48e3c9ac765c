"""Whether a container asked Stripe no faster than it may."""

from billing_mirror.core.rate_limiter import RateLimiter

A_MOMENT = 1e-6
"""Seconds that adding up pauses may be off."""


class RequestBudget(RateLimiter):
    """The pace of one container, which lives as long as it, and when it has asked for something."""

    def __init__(self, requests_per_second: float) -> None:
        super().__init__(requests_per_second)
        self.requests_per_second = requests_per_second
        self.request_times: list[float] = []

    def start(self, now: float) -> None:
        super().start(now)
        self.request_times.append(now)

    def was_kept(self) -> bool:
        """Whether there were never more requests in a second than the rate, and the one that may come at once."""
        most = int(self.requests_per_second) + 1
        return all(
            later - first > 1.0 - A_MOMENT
            for first, later in zip(self.request_times, self.request_times[most:], strict=False)
        )
