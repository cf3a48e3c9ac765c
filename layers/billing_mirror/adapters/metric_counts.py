"""Counts of metrics since the last drain."""

from collections import Counter
from threading import Lock

from billing_mirror.core.metrics import Metric

MISSING_FIELD = "Stripe refuses to show a field: objects are stored without it, and marked"


class MetricCounts:
    """Thread-safe counters."""

    def __init__(self) -> None:
        self._counts: Counter[Metric] = Counter()
        self._missing_fields: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def add(self, metric: Metric) -> None:
        with self._lock:
            self._counts[metric] += 1

    def add_missing_field(self, kind: str, name: str) -> None:
        """Counts an answer that lacks a field, by the type of the object."""
        self.add(Metric.MISSING_FIELDS)
        with self._lock:
            self._missing_fields[kind, name] += 1

    def drain(self) -> dict[Metric, int]:
        """Returns the counts and resets them to zero."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)

    def drain_missing_fields(self) -> list[dict[str, object]]:
        """Returns what :meth:`add_missing_field` has counted, as a log shows it, and resets it to zero."""
        with self._lock:
            counts, self._missing_fields = self._missing_fields, Counter()
        return [{"type": kind, "field": name, "answers": count} for (kind, name), count in counts.items()]
