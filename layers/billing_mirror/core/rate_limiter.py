"""When the next request to Stripe may start. https://docs.stripe.com/rate-limits"""

SLOWED_FOR = 30.0
"""Seconds for which a 429 halves the rate."""


class RateLimiter:
    """An even rate with a burst of one: a fresh container must not start with a full bucket.

    ``rate`` is in requests a second. Time comes in as an argument, in seconds.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1.0 / rate
        self._next_start = 0.0
        self._slow_until = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next request may start; 0 when it may start at once."""
        return max(0.0, self._next_start - now)

    def start(self, now: float) -> None:
        """Counts a request. Called when it starts, so that a request cancelled while it waits costs nothing."""
        slowed = now < self._slow_until
        self._next_start = now + self._interval * (2.0 if slowed else 1.0)

    def slow_down(self, now: float) -> None:
        """Stripe answered 429."""
        self._slow_until = now + SLOWED_FOR
