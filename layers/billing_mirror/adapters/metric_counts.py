"""How often things happened since the last time somebody asked."""

from collections import Counter
from threading import Lock

from billing_mirror.core.metrics import Metric


class MetricCounts:
    """Counts from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[Metric] = Counter()
        self._lock = Lock()

    def add(self, metric: Metric) -> None:
        with self._lock:
            self._counts[metric] += 1

    def drain(self) -> dict[Metric, int]:
        """The counts, which start again at zero."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)
