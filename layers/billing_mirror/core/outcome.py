"""How the work on one message ended."""

from enum import StrEnum

from .metrics import Metric


class Outcome(StrEnum):
    """Three kinds: done (deleted from the queue), later (stays), never (moved to quarantine)."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    """Stored again under a newer token: Stripe showed what the mirror already held."""
    SUPERSEDED = "superseded"
    """A newer observation was there first."""
    REMOVED = "removed"
    """Stripe has no such object any more; its last known body is kept."""
    ALREADY_FRESH = "already_fresh"
    """The mirror already held a fetch that is younger than the message."""
    IGNORED = "ignored"
    """An event that is about nothing that can be mirrored."""
    POSTPONED = "postponed"
    QUARANTINED = "quarantined"

    @property
    def metric(self) -> Metric:
        """The metric that counts it."""
        return Metric[self.name]
