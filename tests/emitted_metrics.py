"""Which function emits which metrics: the dashboard is held to it, and so are the functions."""

from billing_mirror.core.metrics import Metric

STRIPE = {Metric.STRIPE_REQUESTS, Metric.STRIPE_THROTTLED, Metric.STRIPE_ERRORS, Metric.STRIPE_AUTH_FAILURES}
EMITTED = {
    "ingest": {Metric.ACCEPTED, Metric.REJECTED, Metric.SIGNATURE_FAILURES, Metric.UNAVAILABLE, Metric.QUARANTINED},
    "process": {
        Metric.EVENT_TO_STORED_LAG,
        Metric.QUEUE_DELAY,
        Metric.STORED,
        Metric.UNCHANGED,
        Metric.SUPERSEDED,
        Metric.REMOVED,
        Metric.ABSORBED,
        Metric.IGNORED,
        Metric.POSTPONED,
        Metric.QUARANTINED,
        *STRIPE,
    },
    "reconcile": {
        Metric.OBJECTS_COMPARED,
        Metric.DRIFT_FOUND,
        Metric.DRIFT_REPAIRED,
        Metric.DRIFT_UNRESOLVED,
        Metric.FALSE_ALARMS,
        Metric.RECONCILE_SECONDS,
        *STRIPE,
    },
}
