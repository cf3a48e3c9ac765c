"""What the answer to a request says in one word."""

from dataclasses import replace

import pytest

from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.reconcile.report import Result, TickReport
from billing_mirror.reconcile.runs.worked_run import WorkedRun

RUN = Run("invoice", Job.VERIFY, 100.0, status=Status.COMPLETE)
CLEAN = RUN
DRIFTED = replace(RUN, counts=Counts(repaired=1))
UNDECIDED = replace(RUN, counts=Counts(repaired=1, in_flight=1))
RUNNING = replace(RUN, status=Status.RUNNING, counts=Counts(unresolved=1))
UNAVAILABLE = replace(RUN, status=Status.UNAVAILABLE)


@pytest.mark.parametrize(
    ("runs", "result"),
    [
        ([], Result.COMPLETE),
        ([CLEAN], Result.COMPLETE),
        ([CLEAN, DRIFTED], Result.DRIFT),
        ([replace(RUN, counts=Counts(false_alarms=1))], Result.COMPLETE),
        ([UNDECIDED, DRIFTED], Result.UNDECIDED),
        ([UNDECIDED, RUNNING], Result.RUNNING),
        ([RUNNING, UNAVAILABLE], Result.FAILED),
        ([replace(RUN, status=Status.FAILED), CLEAN], Result.FAILED),
    ],
)
def test_the_result_is_that_of_the_run_which_most_needs_a_look(runs: list[Run], result: Result) -> None:
    report = TickReport(worked=[WorkedRun(run, run.counts) for run in runs])
    assert report.answer()["result"] == result


def test_busy_is_a_result_with_its_reason() -> None:
    answer = TickReport(leased=False).answer()
    assert answer["result"] == Result.BUSY
    assert answer.keys() == {"result", "reason"}
