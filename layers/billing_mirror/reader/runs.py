"""What reconcile has compared with Stripe, and what differed."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.runs.drift import Difference
from ..core.runs.run import Counts, Job, Resolution, Status
from ..core.runs.run import Drift as DriftRecord
from ..core.runs.run import Run as RunRecord
from ..core.table.items import Item


@dataclass(frozen=True, slots=True)
class Run:
    """A run of reconcile over one type, or over the events. Times are in ISO 8601, UTC.

    A ``running`` run resumes at the next tick; ``reason`` is its latest problem, ``updated_at`` the end of its
    latest tick, and ``failures`` how many ticks in a row have met an error and got no further. All events before
    ``watermark`` are read (recover runs only). ``expected`` is what the last complete run before it compared: about
    what this one will compare; 0 where there was none.
    """

    type: str
    job: Job
    status: Status
    reason: str
    started_at: str
    updated_at: str
    finished_at: str | None
    watermark: str
    expected: int
    failures: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference that a run found, and its resolution: ``repaired``, ``false_alarm`` or ``unresolved``.

    ``fields`` are the top-level members of the body that differed, where both sides had a body. ``reason`` says why a
    drift is unresolved. ``token`` is that of the repairing write: the :class:`MirroredObject` has the same token until
    its next write. ``run`` is the ``started_at`` of the run.
    """

    type: str
    id: str
    difference: Difference
    resolution: Resolution
    fields: tuple[str, ...]
    reason: str
    token: int
    run: str
    noticed_at: str


def run_in(item: Item) -> Run:
    """The run that an item records."""
    read, finished_at = RunRecord.from_item(item), item.get("finished_at")
    return Run(
        type=read.type,
        job=read.job,
        status=read.status,
        reason=read.reason,
        started_at=str(item["started_at"]),
        updated_at=str(item["updated_at"]),
        finished_at=finished_at if isinstance(finished_at, str) else None,
        watermark=read.watermark,
        expected=read.expected,
        failures=read.failures,
        counts=read.counts,
    )


def drift_in(item: Item) -> Drift:
    """The drift that an item is the evidence of."""
    read = DriftRecord.from_item(item)
    return Drift(
        type=read.type,
        id=read.id,
        difference=read.difference,
        resolution=read.resolution,
        fields=read.fields,
        reason=read.reason,
        token=read.token,
        run=str(item["run"]),
        noticed_at=str(item["noticed_at"]),
    )
