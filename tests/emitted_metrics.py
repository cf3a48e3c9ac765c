"""Which function emits which metrics. Tests compare this with the dashboard and with the functions."""

from billing_mirror.core.metrics import Metric

STRIPE = {
    Metric.STRIPE_REQUESTS,
    Metric.STRIPE_THROTTLED,
    Metric.STRIPE_ERRORS,
    Metric.STRIPE_AUTH_FAILURES,
    Metric.STRIPE_PERMISSION_FAILURES,
    Metric.WRONG_ACCOUNT,
}
EMITTED = {
    "ingest": {Metric.ACCEPTED, Metric.REJECTED, Metric.SIGNATURE_FAILURES, Metric.UNAVAILABLE, Metric.QUARANTINED},
    "process": {
        Metric.EVENT_TO_STORED_LAG,
        Metric.QUEUE_DELAY,
        Metric.STORED,
        Metric.UNCHANGED,
        Metric.SUPERSEDED,
        Metric.REMOVED,
        Metric.ALREADY_FRESH,
        Metric.IGNORED,
        Metric.OTHER_MODE,
        Metric.UNSTORABLE,
        Metric.POSTPONED,
        Metric.QUARANTINED,
        *STRIPE,
    },
    "reconcile": {
        Metric.PAGES_READ,
        Metric.OBJECTS_COMPARED,
        Metric.OBJECTS_EQUAL,
        Metric.OBJECTS_INSERTED,
        Metric.MESSAGES_QUEUED,
        Metric.DRIFT_FOUND,
        Metric.DRIFT_MISSING,
        Metric.DRIFT_DIFFERENT,
        Metric.DRIFT_NOT_LISTED,
        Metric.DRIFT_NO_LIST,
        Metric.DRIFT_REPAIRED,
        Metric.DRIFT_UNRESOLVED,
        Metric.FALSE_ALARMS,
        Metric.DELETIONS_HELD,
        Metric.UNSTORABLE_OBJECTS,
        Metric.UNSTORABLE_NOTICED,
        Metric.RECONCILE_SECONDS,
        Metric.RUN_AGE,
        Metric.FAILING_TYPES,
        Metric.VERIFY_OVERDUE,
        Metric.EVENTS_UNREAD_SINCE,
        *STRIPE,
    },
}
