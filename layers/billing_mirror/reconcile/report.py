"""What an invocation of reconcile has done: its answer, its metrics and its log lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from billing_mirror.core import times
from billing_mirror.core.items import Item
from billing_mirror.core.metrics import Metric
from billing_mirror.core.run import Counts, Run, Status
from billing_mirror.core.schedule import HOUR, RECOVER
from billing_mirror.core.unstorable import UnstorableNote

MAX_DIFFERENCES = 1000
"""Differences in the answer of a dry run: an answer may have 6 MB."""
OF_THE_ACCOUNT = frozenset({Status.UNAVAILABLE, Status.UNAUTHORIZED})
"""How runs end that only another account or another key would change: no alarm reacts to them."""
DRY_RUN_OUT_OF_TIME = "out of time; a dry run is not continued: name fewer types"
BUSY = "another invocation is running"


@dataclass(slots=True)
class WorkedRun:
    """A run that was worked on, and what was counted this time."""

    run: Run
    counts: Counts
    dry_run: bool = False
    differences: list[Item] = field(default_factory=list)
    """The evidence of a dry run, which is stored nowhere."""

    @property
    def reason(self) -> str:
        """Why it did not complete, or not yet."""
        return DRY_RUN_OUT_OF_TIME if self.dry_run and self.run.paused else self.run.reason

    @property
    def failed(self) -> bool:
        return self.run.status not in (Status.COMPLETE, Status.RUNNING) or bool(self.run.failures)

    def columns(self) -> dict[str, object]:
        """The record, as the answer and the log show it."""
        shown: dict[str, object] = {**self.run.to_item(), "reason": self.reason}
        return {name: value for name, value in shown.items() if name not in ("expires_at", "type")}

    def metrics(self) -> Mapping[Metric, float]:
        return {
            Metric.PAGES_READ: self.counts.pages,
            Metric.OBJECTS_COMPARED: self.counts.compared,
            Metric.OBJECTS_EQUAL: self.counts.equal,
            Metric.OBJECTS_INSERTED: self.counts.inserted,
            Metric.MESSAGES_QUEUED: self.counts.queued,
            Metric.DRIFT_FOUND: self.counts.found,
            Metric.DRIFT_MISSING: self.counts.missing,
            Metric.DRIFT_DIFFERENT: self.counts.different,
            Metric.DRIFT_NOT_LISTED: self.counts.not_listed,
            Metric.DRIFT_NO_LIST: self.counts.no_list,
            Metric.DRIFT_REPAIRED: self.counts.repaired,
            Metric.FALSE_ALARMS: self.counts.false_alarms,
            Metric.DELETIONS_HELD: self.counts.held,
        }


@dataclass(frozen=True, slots=True)
class NotedObjects:
    """How many objects the table cannot hold, and how many of them were noticed within the last hour."""

    outstanding: int
    recent: int

    @classmethod
    def count(cls, notes: Sequence[UnstorableNote], now: float) -> Self:
        return cls(len(notes), sum(now - note.noticed_at < HOUR for note in notes))


@dataclass(slots=True)
class TickReport:
    """What was done, and the last run of each name (of ticks only).

    Not ``leased``: another invocation is running, and nothing was done.
    """

    leased: bool = True
    worked: list[WorkedRun] = field(default_factory=list)
    last: dict[str, Run] = field(default_factory=dict)
    intervals: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two runs, by name (of ticks only)."""
    noted: NotedObjects | None = None
    """The objects that the table cannot hold (of ticks only; None where they could not be read)."""
    on_demand: bool = False
    dry_run: bool = False

    def answer(self) -> dict[str, object]:
        """The counts of each run so far, and the differences that a dry run has found."""
        if not self.leased:
            return {"busy": self.busy()}
        return {worked.run.type: self._answer(worked) for worked in self.worked}

    def _answer(self, worked: WorkedRun) -> dict[str, object]:
        if not self.dry_run:
            return worked.columns()
        return {**worked.columns(), "differences": worked.differences[:MAX_DIFFERENCES]}

    def busy(self) -> str:
        later = "repeat the request when it has ended" if self.dry_run else "one of the next ticks starts the runs"
        return f"{BUSY}; {later}"

    def counts(self) -> Iterator[tuple[Metric, float]]:
        """The metrics that count. A dry run has none: alarms must not react to it."""
        if self.dry_run or not self.leased:
            return
        for worked in self.worked:
            yield from worked.metrics().items()
        known = {**self.last, **{worked.run.type: worked.run for worked in self.worked}}
        unresolved = sum(run.counts.unresolved for run in known.values())
        if unresolved or not self.on_demand:
            # A request for one type knows the drift of that type, but not that other types have none.
            yield Metric.DRIFT_UNRESOLVED, unresolved
        if not self.on_demand:
            yield Metric.FAILING_TYPES, sum(_fails(run) for run in known.values())
        if self.noted is not None:
            yield Metric.UNSTORABLE_OBJECTS, self.noted.outstanding
            yield Metric.UNSTORABLE_NOTICED, self.noted.recent

    def seconds(self, now: float) -> Iterator[tuple[Metric, float]]:
        """Durations of complete runs, and the age of what was read and verified, in seconds. A dry run has none."""
        if self.dry_run or not self.leased:
            return
        for worked in self.worked:
            if worked.run.complete:
                # Only complete runs: a run that stopped half-way must not silence the alarm for missing runs.
                yield Metric.RECONCILE_SECONDS, worked.run.counts.milliseconds / 1000
        events = self.last.get(RECOVER)
        if events is not None:
            read_until = times.seconds(events.watermark) if events.watermark else events.verified_at
            yield Metric.EVENTS_UNREAD_SINCE, now - read_until
        if not self.on_demand:
            late = [age - self.intervals[name] for name, age in self.run_ages(now) if name in self.intervals]
            yield Metric.VERIFY_OVERDUE, max([0.0, *late])

    def run_ages(self, now: float) -> Iterator[tuple[str, float]]:
        """By type, the seconds since it was last verified; without the types that the key cannot read."""
        for run in self.last.values():
            if run.type != RECOVER and run.status not in OF_THE_ACCOUNT:
                yield run.type, max(0.0, now - run.verified_at)


def _fails(run: Run) -> bool:
    return run.status is Status.FAILED or (run.status not in OF_THE_ACCOUNT and bool(run.failures))
