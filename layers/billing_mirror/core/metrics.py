"""The names of the metrics that the functions emit. The dashboard and the alarms are checked against them."""

from enum import StrEnum


class Metric(StrEnum):
    """A count, unless it says otherwise. Dimensions: ``service`` (the function) and ``stack``."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"
    """Requests that could not be taken because AWS was in trouble: Stripe sends them again."""
    SIGNATURE_FAILURES = "SignatureFailures"
    QUARANTINED = "Quarantined"

    EVENT_TO_STORED_LAG = "EventToStoredLag"
    """Milliseconds from the creation of an event at Stripe to the write that shows it."""
    QUEUE_DELAY = "QueueDelay"
    """Milliseconds from the send to the queue to the start of the work."""
    STORED = "Stored"
    UNCHANGED = "Unchanged"
    SUPERSEDED = "Superseded"
    REMOVED = "Removed"
    ABSORBED = "Absorbed"
    IGNORED = "Ignored"
    POSTPONED = "Postponed"

    STRIPE_REQUESTS = "StripeRequests"
    STRIPE_THROTTLED = "StripeThrottled"
    STRIPE_ERRORS = "StripeErrors"
    STRIPE_AUTH_FAILURES = "StripeAuthFailures"

    OBJECTS_COMPARED = "ObjectsCompared"
    DRIFT_FOUND = "DriftFound"
    """Differences that no fetch has dismissed: repaired or unresolved."""
    DRIFT_REPAIRED = "DriftRepaired"
    DRIFT_UNRESOLVED = "DriftUnresolved"
    FALSE_ALARMS = "FalseAlarms"
    RECONCILE_SECONDS = "ReconcileSeconds"
    """Seconds that a complete pass over a type took."""
