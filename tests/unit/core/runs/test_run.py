"""The record of a run, and its evidence."""

from dataclasses import asdict, fields

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import KEPT_FOR, Counts, Drift, Job, Resolution, Run, Status
from billing_mirror.core.runs.schedule import DAY

NUMBERS = st.integers(min_value=0, max_value=2**53)
TIMES = st.integers(min_value=0, max_value=4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
TEXTS = st.text(max_size=20)
COUNTS = st.builds(Counts, **{one.name: NUMBERS for one in fields(Counts)})
RUNS = st.builds(
    Run,
    type=TEXTS,
    job=st.sampled_from(Job),
    started_at=TIMES,
    updated_at=TIMES,
    finished_at=TIMES,
    status=st.sampled_from(Status),
    reason=TEXTS,
    failures=NUMBERS,
    watermark=TEXTS,
    last_verified_at=TIMES,
    started_empty=st.booleans(),
    deletions_confirmed=st.booleans(),
    deep_percent=NUMBERS,
    deep_from=NUMBERS,
    counts=COUNTS,
)
DRIFTS = st.builds(
    Drift,
    id=TEXTS,
    difference=st.sampled_from(Difference),
    resolution=st.sampled_from(Resolution),
    fields=st.lists(TEXTS).map(tuple),
    reason=TEXTS,
    type=st.text(min_size=1),
    token=NUMBERS,
)
A_RUN = Run("some.type", Job.VERIFY, started_at=1732638783.5)


@given(RUNS)
def test_a_run_is_read_as_it_was_stored(run: Run) -> None:
    assert Run.from_item(run.to_item()) == run


@given(RUNS)
def test_a_record_counts_everything_but_false_alarms_as_found(run: Run) -> None:
    assert run.to_item()["found"] == run.counts.repaired + run.counts.unresolved


@given(DRIFTS)
def test_a_drift_is_read_as_it_was_stored(drift: Drift) -> None:
    read = Drift.from_item(drift.to_item(A_RUN, 1732638790.0))
    assert (read, read.type, read.token) == (drift, drift.type, drift.token)


def test_evidence_names_its_run_its_time_and_its_resolution() -> None:
    drift = Drift("a", Difference.DIFFERENT, Resolution.REPAIRED, ("metadata", "status"), token=7)
    assert drift.to_item(A_RUN, 1732638790.0) == {
        "type": "some.type",
        "id": "a",
        "difference": "different",
        "resolution": "repaired",
        "fields": ["metadata", "status"],
        "reason": "",
        "token": 7,
        "run": "2024-11-26T16:33:03.500Z",
        "noticed_at": "2024-11-26T16:33:10.000Z",
        "expires_at": 1732638790 + KEPT_FOR,
    }


def test_a_record_has_times_counts_and_reason() -> None:
    run = Run(
        "some.type",
        Job.BACKFILL,
        started_at=1732638783.5,
        updated_at=1732638790.0,
        finished_at=1732638790.0,
        status=Status.FAILED,
        reason="Stripe answered 400",
        failures=2,
        last_verified_at=1732000000.0,
        counts=Counts(pages=2, compared=150, equal=147, repaired=2, unresolved=1),
    )
    entry = run.to_item()
    assert {name: value for name, value in entry.items() if value} == {
        "type": "some.type",
        "job": "backfill",
        "started_at": "2024-11-26T16:33:03.500Z",
        "updated_at": "2024-11-26T16:33:10.000Z",
        "finished_at": "2024-11-26T16:33:10.000Z",
        "status": "failed",
        "reason": "Stripe answered 400",
        "failures": 2,
        "last_verified_at": "2024-11-19T07:06:40.000Z",
        "found": 3,
        "pages": 2,
        "compared": 150,
        "equal": 147,
        "repaired": 2,
        "unresolved": 1,
        "expires_at": 1732638790 + KEPT_FOR,
    }
    for value in entry.values():
        TypeSerializer().serialize(value)


def test_records_and_evidence_are_kept_for_400_days() -> None:
    assert KEPT_FOR == 400 * DAY


def test_a_drift_is_counted_by_kind_and_by_resolution() -> None:
    counts = Counts()
    for difference in Difference:
        for resolution in Resolution:
            counts.add_drift(Drift("a", difference, resolution))
    assert (counts.repaired, counts.unresolved, counts.false_alarms) == (7, 7, 7)
    assert (counts.missing, counts.not_listed, counts.no_list, counts.stored_wrong) == (2, 2, 2, 2)
    assert counts.different == 6, "an outdated object and a partly listed one differ, too"


def test_a_false_alarm_is_no_difference() -> None:
    counts = Counts()
    counts.add_drift(Drift("a", Difference.MISSING, Resolution.FALSE_ALARM))
    assert counts == Counts(false_alarms=1)


@given(COUNTS, st.lists(DRIFTS))
def test_drifts_can_be_counted_anew(counts: Counts, drifts: list[Drift]) -> None:
    counts.reset_drifts()
    before = counts.since(Counts())
    for drift in drifts:
        counts.add_drift(drift)
    counts.reset_drifts()
    assert counts == before


@given(COUNTS, COUNTS)
def test_what_was_counted_since_is_the_difference_of_each_count(one: Counts, other: Counts) -> None:
    since = one.since(other)
    for name, count in asdict(one).items():
        assert getattr(since, name) == max(0, count - getattr(other, name))


def test_a_type_was_verified_by_its_last_complete_run_or_waits_since_its_first_run() -> None:
    assert Run("some.type", Job.VERIFY, started_at=100.0).verified_at == 100.0
    run = Run("some.type", Job.VERIFY, started_at=100.0, last_verified_at=50.0)
    assert (run.complete, run.verified_at) == (False, 50.0)
    run.status, run.finished_at = Status.COMPLETE, 200.0
    assert (run.complete, run.verified_at) == (True, 200.0)


def test_a_run_expects_what_the_last_complete_one_has_read() -> None:
    run = Run("invoice", Job.VERIFY, 100.0, expected=7, counts=Counts(compared=3))
    assert run.expected_next == 7
    run.complete_at(200.0)
    assert run.expected_next == 3
    assert Run.from_item(run.to_item()).expected == 7


@pytest.mark.parametrize(("got_further", "failures"), [(False, 4), (True, 1)])
def test_a_tick_that_got_further_begins_to_count_its_failures_anew(*, got_further: bool, failures: int) -> None:
    run = Run("invoice", Job.VERIFY, 100.0, failures=3)
    run.fail_tick("Stripe answered 500", got_further=got_further)
    assert (run.failures, run.reason, run.status) == (failures, "Stripe answered 500", Status.RUNNING)


def test_a_run_that_could_not_be_stored_keeps_its_earlier_reason() -> None:
    run = Run("invoice", Job.VERIFY, 100.0)
    run.end(Status.FAILED, "Stripe answered 400", 200.0)
    run.reopen("the record was not stored")
    assert (run.status, run.reason, run.finished_at) == (Status.RUNNING, "Stripe answered 400", 0.0)
