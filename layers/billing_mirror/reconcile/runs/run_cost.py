"""What a run costs: requests to Stripe, and time."""

from billing_mirror.core.runs.run import Run
from billing_mirror.ports import Clock
from billing_mirror.refresh.around_stripe.retrying import RetryingStripe


class RunCost:
    """Adds the requests and the time of this tick to the counts of a run."""

    def __init__(self, record: Run, stripe: RetryingStripe, clock: Clock) -> None:
        self._record = record
        self._stripe = stripe
        self._clock = clock
        self.started_at = clock.now()
        """When this tick started to work on the run (seconds since 1970)."""
        self.set_base()

    def set_base(self) -> None:
        """Takes the present counts as those of earlier ticks."""
        self._calls_before = self._record.counts.stripe_calls
        self._milliseconds_before = self._record.counts.milliseconds

    def update(self) -> None:
        """Sets the run's counts to the earlier ticks' plus this tick's."""
        self._record.counts.stripe_calls = self._calls_before + self._stripe.sent
        spent = self._clock.now() - self.started_at
        self._record.counts.milliseconds = self._milliseconds_before + int(spent * 1000)
