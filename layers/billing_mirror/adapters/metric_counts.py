"""Counts of metrics since the last drain."""

from collections import Counter
from threading import Lock

from billing_mirror.core.metrics import Metric


class MetricCounts:
    """Thread-safe counters."""

    def __init__(self) -> None:
        self._counts: Counter[Metric] = Counter()
        self._lock = Lock()

    def add(self, metric: Metric) -> None:
        with self._lock:
            self._counts[metric] += 1

    def drain(self) -> dict[Metric, int]:
        """Returns the counts and resets them to zero."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)
