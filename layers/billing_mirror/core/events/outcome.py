"""How the processing of one message ended."""

from enum import StrEnum

from ..metrics import Metric


class Outcome(StrEnum):
    """Three kinds: done (deleted from the queue), postponed (stays), quarantined."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    """Stored under a newer token: Stripe showed the state that the mirror already held."""
    CHAIN_ENDED = "chain_ended"
    """Stored; the refreshes that should follow are left to verify, because a long chain of them led to this one."""
    REMOVALS_HELD = "removals_held"
    """Stored; its list lacks so many of its former members that their removal is left to a verify run."""
    SUPERSEDED = "superseded"
    """The mirror already held a newer observation."""
    REMOVED = "removed"
    """Stripe has no such object: a tombstone keeps the last known body."""
    ALREADY_FRESH = "already_fresh"
    """The mirror already held a fetch that is newer than the message."""
    IGNORED = "ignored"
    """The event is about nothing that can be mirrored."""
    OTHER_MODE = "other_mode"
    """The message is about a live object and the key is a test key, or the other way round."""
    UNSTORABLE = "unstorable"
    """The table cannot hold the object, and a note already says so of the state that Stripe shows."""
    POSTPONED = "postponed"
    QUARANTINED = "quarantined"

    @property
    def metric(self) -> Metric:
        """The metric of the same name, which counts messages with this outcome."""
        return Metric[self.name]
