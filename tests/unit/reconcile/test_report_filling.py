"""While types are read for the first time, and for an hour after, a long queue is no outage."""

import pytest

from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.core.runs.schedule import HOUR, RECOVER
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.worked_run import WorkedRun

NOW = 1_790_000_000.0


def filling(*runs: Run) -> float:
    intervals = {run.type: HOUR for run in runs} or {"customer": HOUR}
    report = TickReport(last={run.type: run for run in runs}, intervals=intervals, at=NOW)
    return dict(report.counts()).get(Metric.FILLING, 0)


def run(job: Job, status: Status, *, ago: float = 0.0, first: bool = True) -> Run:
    name = RECOVER if job is Job.RECOVER else "customer"
    started = NOW - ago - 10
    before = started if first else started - HOUR
    return Run(name, job, started, NOW - ago, NOW - ago, status, last_verified_at=before)


def test_a_type_that_was_never_read_is_filling() -> None:
    assert filling() == 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (run(Job.BACKFILL, Status.RUNNING), 1),
        (run(Job.BACKFILL, Status.COMPLETE, ago=HOUR - 1), 1),
        (run(Job.BACKFILL, Status.COMPLETE, ago=HOUR + 1), 0),
        (run(Job.BACKFILL, Status.FAILED), 0),
        (run(Job.BACKFILL, Status.UNAUTHORIZED), 0),
        (run(Job.VERIFY, Status.RUNNING), 0),
        (run(Job.RECOVER, Status.RUNNING), 1),
        (run(Job.RECOVER, Status.RUNNING, first=False), 0),
    ],
)
def test_so_is_one_whose_first_run_works_or_ended_within_an_hour(last: Run, expected: int) -> None:
    assert filling(last) == expected


@pytest.mark.parametrize(
    ("job", "first", "expected"), [(Job.RECOVER, False, 3), (Job.RECOVER, True, 0), (Job.VERIFY, False, 0)]
)
def test_only_what_a_later_recovery_queued_was_lost(job: Job, *, first: bool, expected: int) -> None:
    worked = WorkedRun(run(job, Status.COMPLETE, first=first), Counts(queued=3))
    assert worked.metrics()[Metric.EVENTS_RECOVERED] == expected
