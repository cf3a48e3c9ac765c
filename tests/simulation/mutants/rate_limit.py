"""Mutants of the rate of requests to Stripe."""

from billing_mirror.core.rate_limiter import RateLimiter

from .registry import mutant, replaces

start = RateLimiter.start


@mutant("requests that were not sent are saved up")
@replaces(RateLimiter.start)
def saves_up_requests(self: RateLimiter, now: float) -> None:
    start(self, self._next_start)
