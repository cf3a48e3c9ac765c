"""A run that an invocation of reconcile has worked on, and what it counted this time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.core.table.items import Item

DRY_RUN_OUT_OF_TIME = "out of time; a dry run is not continued: name fewer types"


@dataclass(slots=True)
class WorkedRun:
    """``counts`` are of this time; those of the run are of all its ticks."""

    run: Run
    counts: Counts
    dry_run: bool = False
    differences: list[Item] = field(default_factory=list)
    """The evidence of a dry run, which is stored nowhere."""
    context: str | None = None
    """The connected account that was worked on; None for the key's own account."""

    @property
    def reason(self) -> str:
        """Why it did not complete, or not yet."""
        return DRY_RUN_OUT_OF_TIME if self.dry_run and self.run.paused else self.run.reason

    @property
    def failed(self) -> bool:
        """Whether a person must look. Of an account that has revoked its access, the tick says it once."""
        if self.run.status is Status.REVOKED:
            return False
        return self.run.status not in (Status.COMPLETE, Status.RUNNING) or bool(self.run.failures)

    def columns(self) -> dict[str, object]:
        """The record, as the answer and the log show it."""
        shown: dict[str, object] = {**self.run.to_item(), "reason": self.reason}
        if self.context:
            shown["context"] = self.context
        return {name: value for name, value in shown.items() if name not in ("expires_at", "type")}

    def metrics(self) -> Mapping[Metric, float]:
        return {
            Metric.OBJECTS_COMPARED: self.counts.compared,
            Metric.OBJECTS_INSERTED: self.counts.inserted,
            Metric.MESSAGES_QUEUED: self.counts.queued,
            Metric.DRIFT_FOUND: self.counts.found,
            Metric.DRIFT_MISSING: self.counts.missing,
            Metric.DRIFT_DIFFERENT: self.counts.different,
            Metric.DRIFT_NOT_LISTED: self.counts.not_listed,
            Metric.DRIFT_NO_LIST: self.counts.no_list,
            Metric.DRIFT_STORED_WRONG: self.counts.stored_wrong,
            Metric.DRIFT_REPAIRED: self.counts.repaired,
            Metric.FALSE_ALARMS: self.counts.false_alarms,
            Metric.DELETIONS_HELD: self.counts.held,
            Metric.EVENTS_RECOVERED: 0 if self.run.job is not Job.RECOVER or self.run.is_first else self.counts.queued,
        }
